"""The contract of the embedding service."""
