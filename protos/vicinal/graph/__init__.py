"""The contract of the graph service."""
