"""`vicinal embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.connect import DEFAULT_EMBED, embedder_at
from vicinal_cli.console import note, progress, warn_of
from vicinal_cli.embedding import Embedding
from vicinal_cli.files.folders import scan
from vicinal_cli.files.vectors import check_ending, write_vectors
from vicinal_cli.options import EmbedTarget

__all__ = ["embed"]


def embed(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder (any depth), or one image.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .npz, .npy or .parquet.")],
    target: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Turn images into unit vectors, in a file.

    The file holds ids (paths below the folder), vectors, content hashes and
    the encoder's digest; beside an .npy, NAME.ids.csv holds all but the
    vectors. Images that cannot be embedded are named and left out.

    Examples:
      vicinal embed photos/ photos.npz
      vicinal add photos.npz --dataset photos --classes cat,dog
    """
    check_ending(out)
    folder = scan(images)
    with embedder_at(target) as client:
        embedding = Embedding(client, client.model().encoder_digest)
        with progress("embedding") as tell:
            _, vectors = embedding.all(folder.images, tell)
    write_vectors(out, vectors)
    warn_of([*folder.refused, *embedding.refused], "images could not be embedded")
    count, dimension = vectors.vectors.shape
    note(f"wrote {count} vectors of {dimension} numbers to {out}")
