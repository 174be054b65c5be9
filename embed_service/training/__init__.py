"""BYOL: adapt a vision transformer to your images, without labels. `python -m embed_service.training --help`.

compat       torchvision as timm needs it
backbones    which vision transformers there are; the encoder checkpoint
"""
