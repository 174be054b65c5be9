"""Two views of every image: BYOL's augmentations, for whole batches, on whatever device the images are.

Everything but solarising is linear, so a view is three small matrix products: rows, columns, colours.

randomness  random numbers that depend on seed, epoch, image and view, and on nothing else
resampling  crop, resize, flip and blur as one matrix a side
colour      jitter and grey as one matrix a sample
recipes     BYOL's T and T', and what they make of a batch
"""
