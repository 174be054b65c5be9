"""Images from many callers → batches for their encoders, and each answer back to its caller.

outcome   what became of one image, and where its time went
room      how much may be inside the service at one time
turns     interactive before bulk, without starving bulk
decoders  the threads that decode
pace      how many images to run together, and whether to wait for more
runner    one encoder: one task forms batches, one thread runs them; failure and recovery
lane      what the pipeline needs of an encoder that is served
pipeline  an image's way: room, cache, decoding, its encoder's runner
flow      work on a stream, a bounded number of items at a time
"""
