"""The storm of tests/benchmarks/storm.py for some seconds; `make storm` has it rage for ten minutes."""

import subprocess
import sys
from pathlib import Path

STORM = Path(__file__).parents[1] / "benchmarks" / "storm.py"


def test_a_storm_of_good_and_bad_calls_is_answered_right():
    command = [sys.executable, STORM, "--minutes", "0.1", "--callers", "12"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    for met in (
        "image: vector",
        "image: IMAGE_CORRUPT",
        "image: TOO_MANY_PIXELS",
        "cancelled_embed",
        "0 wrong",
    ):
        assert met in done.stdout, done.stdout
