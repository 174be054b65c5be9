"""The paper's experiments, run through the graph service, with peers on the same embeddings and seeds.

What is measured goes to a CSV as it comes (`results`), and from there to figures and one page (`report`).
Needs the extra `vicinal[experiments]`.
"""
