"""Use cases: one method of `engine.Engine` for each RPC, and what they stand on.

engine      the use cases
catalogue   every dataset of one store
dataset     one dataset: its log, its tables, its present snapshot
writer      many callers' writes, few commits
tables      what the events add up to; labels and nodes (exact duplicates) are its parts
snapshot    an immutable view of one revision, and what is computed from it
reads       the answers made from a snapshot; pages where they go on
rules       whether a request keeps the limits; checks, vectors: field by field
"""
