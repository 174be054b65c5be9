"""An ONNX file and its preprocessing → unit vectors.

preprocessing  how a picture becomes the encoder's input; its JSON
model          load the file, check it, run it
describe       command: show what an encoder file says of itself, or write its preprocessing beside it
"""
