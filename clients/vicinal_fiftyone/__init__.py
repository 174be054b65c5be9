"""vicinal inside FiftyOne: a dataset in, then fields for belief, suspicion, rank and near duplicates.

`push` brings images and labels into vicinal, `pull` writes what follows from them into fields and saved
views, `sync_labels` brings in what people change. `install_plugin` puts the same into the FiftyOne App, as
operators and a panel. Everything public is here.
"""

from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.installing import install_plugin
from vicinal_fiftyone.pulling import Pulled, pull
from vicinal_fiftyone.pushing import Pushed, push
from vicinal_fiftyone.reading import load
from vicinal_fiftyone.reviewing import accept_suggestions, keep_labels, label_samples
from vicinal_fiftyone.stating import Synced, sync_labels

__all__ = [
    "FiftyOneError",
    "Pulled",
    "Pushed",
    "Synced",
    "accept_suggestions",
    "install_plugin",
    "keep_labels",
    "label_samples",
    "load",
    "pull",
    "push",
    "sync_labels",
]
