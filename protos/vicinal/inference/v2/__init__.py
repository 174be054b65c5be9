"""Version 2: models by name, tensors in and out."""
