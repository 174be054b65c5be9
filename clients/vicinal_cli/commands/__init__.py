"""One module for each group of commands: they read the flags and say the result."""
