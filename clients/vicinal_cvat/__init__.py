"""vicinal inside CVAT: an auto-annotation function for tags; labels, order and suspicions through the API.

    names        a frame's sample id
    tags         what the tags of a task state, and which tags vicinal should write: no network
    notes        suggestions and suspicions as CVAT issues, and which to write or delete: no network
    pictures     decoded images as bytes that embed
    judging      an image's class: the belief where the dataset holds it, else classified
    platform     one task of a CVAT server (with `function` the only module that knows cvat_sdk)
    pushing      frames → samples
    syncing      tags → labels and back
    pulling      suggestions and flags → issues
    function     what `cvat-cli task auto-annotate --function-module vicinal_cvat.function` loads

CVAT is the truth about its tags, the log about labels; nothing is kept between two commands.
"""
