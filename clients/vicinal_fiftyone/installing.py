"""Where FiftyOne looks for plugins."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

import fiftyone as fo

__all__ = ["install_plugin"]


def install_plugin(folder: Path | None = None) -> Path:
    """Copy the plugin into FiftyOne's folder of plugins, in place of an older copy. Return where it is.

    The copy only says what there is; the code stays in this package, which must be installed beside FiftyOne.

    Args:
        folder: of plugins; None takes FiftyOne's own (`FIFTYONE_PLUGINS_DIR`).

    Raises:
        OSError: it cannot be written.
    """
    target = (folder or Path(fo.config.plugins_dir)) / "vicinal"
    target.mkdir(parents=True, exist_ok=True)
    with as_file(files("vicinal_fiftyone") / "plugin") as source:
        for name in ("fiftyone.yml", "__init__.py"):
            shutil.copyfile(source / name, target / name)
    return target
