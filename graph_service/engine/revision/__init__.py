"""One revision, which never changes: the samples and the graph, the labels, and what is made of them."""
