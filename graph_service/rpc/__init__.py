"""The service on the wire: proto to domain and back, and nothing else."""
