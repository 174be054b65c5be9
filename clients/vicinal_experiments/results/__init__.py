"""What was measured, in a CSV that grows, and what it was measured on, in a manifest."""
