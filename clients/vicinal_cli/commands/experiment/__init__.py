"""`vicinal experiment`: the paper's experiments, with peers, on any images or vectors."""
