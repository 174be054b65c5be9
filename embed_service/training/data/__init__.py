"""Images on disk → batches of squares, uint8, and which images a step takes.

source    what there is: the files of a folder or the tiles of its sheets, and their labels where known
reading   one file → one square, or a sheet's tiles
pictures  all of it in memory, or read when asked for
order     which images each step takes
"""
