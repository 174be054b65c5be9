"""vicinal in the FiftyOne App: operators and a panel."""

from vicinal_fiftyone.app.moving import Push, Refresh, Show
from vicinal_fiftyone.app.panel import Overview
from vicinal_fiftyone.app.reviewing import Accept, Keep, LabelSelected

__all__ = ["REGISTERED"]

REGISTERED = (Push, Refresh, Show, LabelSelected, Accept, Keep, Overview)
"""What the plugin registers."""
