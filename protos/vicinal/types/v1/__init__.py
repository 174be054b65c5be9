"""Version 1: the packed tensor."""
