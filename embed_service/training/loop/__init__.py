"""The training loop: steps, what is watched while they run, and what is kept.

settings    what decides the result, and what is watched
optimiser   AdamW and what it decays
feeder      the images of each step, a step ahead
trainer     one step after another; knows no files
spread      how far the embeddings are from collapse
probe       k-nearest-neighbour accuracy of the encoder as it is
checkpoint  the run as a file, and back
metrics     CSV and TensorBoard
interrupt   signals that ask a run to stop
display     progress on a terminal, or lines in a log
run         all of it together
"""
