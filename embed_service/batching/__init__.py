"""Images from many callers → batches for one encoder, and each answer back to its caller.

outcome   what became of one image, and where its time went
room      how much may be inside the service at one time
runner    one task forms batches, one thread runs them; failure and recovery
pipeline  an image's way: room, decoding in a pool of threads, the runner
flow      work on a stream, a bounded number of items at a time
"""
