"""What a load test found, as tables on the terminal and as a page."""
