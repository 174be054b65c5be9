"""Propagation: labels spread along the neighbour graph and become beliefs."""
