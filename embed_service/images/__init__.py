"""Bytes from anywhere → an upright RGB picture, or one typed refusal.

refusals  why one image cannot be embedded
webp      the size that a WebP header declares
decode    formats, limits, rotation, colour
"""
