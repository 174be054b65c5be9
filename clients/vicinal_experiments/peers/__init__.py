"""What else a user could run on the same embeddings: one module each."""
