"""What both ends of the contract share beyond the stubs.

errors   the refusals a service can give, as exceptions; knows nothing of gRPC
status   those exceptions <-> google.rpc.Status
tensors  numpy arrays <-> vicinal.types.v1.Tensor
serving  run a grpc.aio server with health, reflection and an orderly stop
"""
