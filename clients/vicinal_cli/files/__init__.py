"""What is read from and written to files: images in folders, labels, vectors, results."""
