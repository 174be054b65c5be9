"""What both ends of the contract share beyond the stubs.

errors        the refusals a service can give, as exceptions; knows nothing of gRPC
status        those exceptions <-> google.rpc.Status
tensors       numpy arrays <-> vicinal.types.v1.Tensor
inference     numpy arrays and lists of bytes <-> tensors of the Open Inference Protocol
vectors       what a vector is at both ends: of length 1
timing        how long a call took on the service's side, told with its answer
interceptors  what every call of a server goes through: refusals, the time it took
serving       run a grpc.aio server with health, reflection and an orderly stop
"""
