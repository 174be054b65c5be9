"""The vicinal contract: stubs made from the .proto files, and how to speak them (`vicinal.wire`)."""
