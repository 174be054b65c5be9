"""An open-loop load generator for the graph service, and what it reports."""
