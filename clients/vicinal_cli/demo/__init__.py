"""`vicinal demo`: the whole of vicinal, played on real images, with a report."""
