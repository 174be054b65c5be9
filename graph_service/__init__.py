"""The graph service: vectors and labels in; beliefs, suggestions and flags out."""
