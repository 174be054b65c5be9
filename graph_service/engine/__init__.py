"""Use cases: one method of `engine.Engine` for each RPC, and what they stand on.

engine      the use cases; of them leasing, encoders and watches have files of their own
core        what each stands on
catalogue   every dataset of one store
dataset     one dataset: its log, its tables, its present snapshot
currency    which snapshot a read is answered from
writer      many callers' writes, few commits

The rooms below know each other in this order, and nothing of the above:

requests    whether a request keeps to the limits
state       what the events add up to
revision    an immutable snapshot of it, and what is made of that on first need
answers     what is answered from a snapshot
"""
