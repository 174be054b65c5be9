"""Samples into a dataset that is made on first use, with the labels that come along."""
