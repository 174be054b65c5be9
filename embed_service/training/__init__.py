"""BYOL: adapt a vision transformer to your images, without labels. `python -m embed_service.training --help`.

compat     torchvision as timm needs it
backbones  which vision transformers there are; the encoder checkpoint
presets    settings that are known to work
data       images on disk → batches of squares
views      two views of every image
byol       the method: networks, loss, schedules
loop       steps, what is watched while they run, what is kept
grid       short runs over learning rate, weight decay and momentum
export     a checkpoint → an ONNX encoder for the service
commands   `vicinal train`, `vicinal train-grid`

`byol` and `views` know nothing but torch; `data` nothing of training; `loop` knows all of these.
"""
