"""Figures, one page of all of them, and Markdown tables, from the table of results."""
