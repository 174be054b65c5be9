"""What an experiment is run on, from a file or a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vicinal_cli.commands.experiment.flags import Request
from vicinal_cli.connect import embed_client
from vicinal_cli.console import note, progress, warn_of
from vicinal_cli.demo.stack import stack
from vicinal_cli.embedding import Embedding
from vicinal_cli.errors import CliError
from vicinal_cli.files.folders import Folder, scan
from vicinal_cli.files.labelled import columns_beside, columns_in
from vicinal_cli.files.vector_set import VectorSet
from vicinal_cli.files.vectors import is_vector_file, read_vectors, write_vectors
from vicinal_cli.needs import EMBED, GRAPH, require
from vicinal_experiments.data import Data, checked

__all__ = ["read"]

_EMBEDDED = "vectors.npz"


def read(request: Request) -> Data:
    """Return the vectors and classes of the request's source; images are embedded on the first run only.

    Raises:
        CliError: it cannot be read, or its classes are not known.
        ExperimentError: it is too little to experiment on.
    """
    noisy = request.noisy_columns or []
    if is_vector_file(request.source):
        found = read_vectors(request.source)
        if request.labels:
            columns = columns_beside(request.labels, found.ids, noisy)
        else:
            columns = columns_in(request.source, noisy)
        return checked(found.vectors, columns.truth, columns.classes, columns.noisy)
    folder = scan(request.source)
    found = _embedded(request, folder)
    if request.labels:
        columns = columns_beside(request.labels, found.ids, noisy)
        return checked(found.vectors, columns.truth, columns.classes, columns.noisy)
    if noisy:
        raise CliError(
            "images in folders have one class each", "name the file of the columns: --labels FILE.csv"
        )
    classes = list(folder.classes)
    of_id = {image.id: image.class_name for image in folder.images}
    if len(classes) < 2 or None in of_id.values():
        hint = "one sub-folder of images a class, or --labels FILE.csv (columns id, label)"
        raise CliError(f"{request.source}: its sub-folders do not name the classes", hint)
    return checked(found.vectors, [classes.index(of_id[name] or "") for name in found.ids], classes)


def _embedded(request: Request, folder: Folder) -> VectorSet:
    """Return the images' vectors, which a first run leaves in the folder of the results."""
    kept = request.out / _EMBEDDED
    if kept.exists():
        found = read_vectors(kept)
        if not set(found.ids) <= {image.id for image in folder.images}:
            raise CliError(
                f"{kept} holds vectors of other images", "choose another --out, or delete that file"
            )
        note(f"taking the vectors from {kept}")
        return found
    require("an experiment on images", "experiments,demo", *EMBED, *GRAPH)
    flags = ["--encoder", str(request.encoder)] if request.encoder else []
    with (
        tempfile.TemporaryDirectory(prefix="vicinal-") as work,
        stack(Path(work), flags) as services,
        embed_client(services.embed) as client,
        progress("embedding") as tell,
    ):
        embedding = Embedding(client, client.model().encoder_digest)
        _, found = embedding.all(folder.images, tell)
    warn_of([*folder.refused, *embedding.refused], "images could not be embedded")
    write_vectors(kept, found)
    return found
