"""The vote about vectors outside the graph."""
