"""The experiments: one module each, all of whose `tasks` are in `catalogue`."""
