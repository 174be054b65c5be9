"""The contract's side: proto ↔ domain and nothing else.

conversion            outcomes → messages
servicer              one method an RPC
inference_conversion  the Open Inference Protocol: messages ↔ domain
inference             one method an RPC of that protocol
"""
