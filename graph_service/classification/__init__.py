"""Classification: the vote about vectors outside the graph."""
