"""The one place that encoders may be loaded from while the service runs."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound

__all__ = ["EncoderFolder"]

_SUFFIX = ".onnx"


class EncoderFolder:
    """A folder of ONNX files; nothing outside of it can be named."""

    def __init__(self, folder: Path | None) -> None:
        """Offer the files in `folder`, or nothing when it is None."""
        self._folder = folder

    def names(self) -> list[str]:
        """Return the names of the files that may be loaded, sorted; reads the folder."""
        return sorted(path.name for path in self._files() if _is_inside(path))

    def path(self, name: str) -> Path:
        """Return where the file `name` is, as the folder lists it; reads the folder.

        Raises:
            InvalidArgument: BAD_FILE_NAME, it is not the plain name of an .onnx file, or a link out of here.
            FailedPrecondition: NO_ENCODER_FOLDER.
            NotFound: FILE_NOT_FOUND.
        """
        if self._folder is None:
            message = "this service was started without --encoder-folder: nothing can be loaded into it"
            raise FailedPrecondition("NO_ENCODER_FOLDER", message, field="file")
        if not _is_plain(name):
            message = f"file is {name!r}, expected the plain name of an {_SUFFIX} file in the encoder folder"
            raise InvalidArgument("BAD_FILE_NAME", message, field="file", value=name)
        path = next((path for path in self._files() if path.name == name), None)
        if path is None:
            message = f"the encoder folder has no file {name!r}"
            raise NotFound("FILE_NOT_FOUND", message, field="file", value=name)
        if not _is_inside(path):
            message = f"{name!r} is a link that leads out of the encoder folder"
            raise InvalidArgument("BAD_FILE_NAME", message, field="file", value=name)
        return path

    def _files(self) -> list[Path]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return [path for path in self._folder.glob(f"*{_SUFFIX}") if path.is_file()]


def _is_plain(name: str) -> bool:
    parts = (PurePosixPath(name).parts, PureWindowsPath(name).parts)
    return all(part == (name,) for part in parts) and name.endswith(_SUFFIX) and name.isprintable()


def _is_inside(path: Path) -> bool:
    """Whether `path` lies in its folder, links followed."""
    return path.resolve().parent == path.parent.resolve()
