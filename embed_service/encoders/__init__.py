"""The encoders that are served side by side: loaded, warmed, chosen among, let go.

folder    the one place that encoders may be loaded from while the service runs
served    one encoder with its lane, and who is inside
registry  digest → served encoder; the default; load, unload
"""
