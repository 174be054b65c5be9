"""Version 1: vectors and labels to beliefs, suggestions and flags."""
