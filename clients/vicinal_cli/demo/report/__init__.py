"""The page that `vicinal demo` writes: one file, nothing loaded from elsewhere."""
