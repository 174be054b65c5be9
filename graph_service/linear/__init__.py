"""The linear side of the vectors: a few principal components, and a classifier on them."""
