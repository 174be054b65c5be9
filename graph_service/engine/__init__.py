"""Use cases: one method of `engine.Engine` for each RPC, and what they stand on.

engine      the datasets, and the use cases
dataset     one dataset: its log, its tables, its present snapshot
writer      many callers' writes, few commits
tables      what the events add up to: samples, labels, nodes
snapshot    an immutable view of one revision, and what is computed from it
reads       the answers made from a snapshot
checks      limits, and whether a request keeps them
"""
