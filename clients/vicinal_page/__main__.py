"""`python -m vicinal_page`: what `vicinal up` and `vicinal page` start."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from vicinal.hosts import url_of
from vicinal_page.serving import serve
from vicinal_page.settings import Settings, folders

TOKEN = "VICINAL_PAGE_TOKEN"  # noqa: S105 (the variable's name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m vicinal_page", description="Serve the labelling page.")
    parser.add_argument("--target", required=True, metavar="HOST:PORT", help="of the graph service")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=None, help="0: any free one")
    parser.add_argument("--port-file", type=Path, default=None, help="where to write the port")
    parser.add_argument("--images", action="append", default=[], metavar="[DATASET=]DIR")
    given = parser.parse_args()
    # Not a flag: what a process was started with is open to everybody on the machine.
    token = os.environ.get(TOKEN, "")
    try:
        settings = Settings(given.target, given.host, given.port, folders(given.images), token)
    except ValueError as error:
        parser.error(f"{error} (a token is read from {TOKEN})")

    def say(port: int) -> None:
        if given.port_file is None:
            print(f"the page: {url_of(settings.host, port, settings.token)}", file=sys.stderr, flush=True)
            return
        partial = given.port_file.with_suffix(".partial")
        partial.write_text(str(port))
        partial.replace(given.port_file)

    try:
        serve(settings, say)
    except OSError as error:
        print(f"cannot listen on {given.host}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
