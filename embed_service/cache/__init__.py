"""Vectors that were computed before, by encoder and content hash; never more than a bound in bytes.

An image's vector depends on its bytes and the encoder, which is known by its digest; hardware and versions of
libraries change but its last digits. So what was computed once stays right, and nothing is ever withdrawn.

base       the protocol
memory     in this process
pending    what was put and is not yet written
file       one SQLite file, for one thread at a time
tenancy    who else uses the folder that the file is in
disk       the file behind the protocol: writes in batches, damage, several services
choice     which of the two, from flags
"""
