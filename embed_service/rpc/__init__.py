"""The contract's side: proto ↔ domain and nothing else.

conversion  outcomes → messages
servicer    one method an RPC
"""
