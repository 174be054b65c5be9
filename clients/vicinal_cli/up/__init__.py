"""Both services and the embedded store, in one process tree."""
