"""Encoded pictures → what an encoder takes in; one code for the service and for a client that does it itself.

Needs Pillow (the extra `images`); nothing else of `vicinal` imports this.

refusals       why one image cannot be embedded
webp           the size that a WebP header declares
decode         bytes → an upright RGB picture: formats, limits, rotation, colour
preprocessing  that picture → the encoder's input, and the JSON that says how
"""
