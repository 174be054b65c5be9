"""The clients. `_async` is written by hand; `_sync` is generated from it by `clients/generate_sync.py`.

Only `_backend` is written twice: it holds what differs between the two worlds.
"""
