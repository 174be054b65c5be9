"""An ONNX file and its preprocessing → unit vectors.

model     load the file, check it, run it
session   ONNX Runtime on the CPU, CUDA or TensorRT
cores     a batch on a CPU in pieces, each on a core of its own
bound     batches of fixed sizes through buffers that stay on the device
errors    what is wrong with an encoder
describe  command: show what an encoder file says of itself, or write its preprocessing beside it
"""
