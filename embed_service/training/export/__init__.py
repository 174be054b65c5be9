"""An encoder checkpoint, or a stock ViT of timm's → one ONNX file that the embedding service serves.

graph        torch → ONNX: opset 17, any number of images, self-contained, the same bytes every time
metadata     the preprocessing, and where the encoder came from, inside the file
observation  what the values inside a graph are like on some images
half         float32 → float16
scales       scales for 8-bit weights with which no CPU saturates
smoothing    even out the channels of what is to be rounded to 8 bits
integer      float32 → int8, calibrated, for CPUs
pictures     pictures drawn from a seed
images       the user's images, or drawn ones: what to calibrate on, what to judge by
neighbours   how well neighbours agree: with the labels, and with another encoder's
verdict      ONNX compared with torch; what is refused, what is warned of
pipeline     the whole way, and its result
command      `vicinal export-encoder`
"""
