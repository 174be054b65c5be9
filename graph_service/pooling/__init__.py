"""Pooled beliefs: what the graph, a linear classifier and the labels themselves say, in one distribution."""
