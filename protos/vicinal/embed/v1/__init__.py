"""Version 1: images to unit vectors."""
