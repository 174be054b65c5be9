"""What is answered from a revision: pure functions, and the pages of long answers."""
