"""The script that does all that wants a GPU, as far as a CPU can say that it runs.

`python tests/benchmarks/gpu.py --smoke` runs all its parts; that takes a minute.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def write_idx(path: Path, values: np.ndarray) -> None:
    shape = np.array(values.shape, dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(bytes((0, 0, 8, values.ndim)) + shape + values.tobytes()))


def test_a_part_that_fails_costs_only_itself(tmp_path: Path) -> None:
    """And what was found earlier, by parts that are skipped now, stays."""
    random = np.random.default_rng(0)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", random.integers(0, 256, (250, 28, 28), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", random.integers(0, 10, 250).astype(np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    target = {"what": "pace", "least": 0.8, "measured": 0.7}
    earlier = {
        "smoke": True,
        "targets": {"throughput": [target]},
        "parts": {"throughput": {"images_per_second": 7.0}},
    }
    (out / "results.json").write_text(json.dumps(earlier))
    words = ["--smoke", "--out", out, "--skip", "machine", "export", "throughput", "--fashion", tmp_path]
    words += ["--cifar", tmp_path / "nothing"]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, timeout=240)
    assert done.returncode == 1, done.stdout + done.stderr
    results = json.loads((out / "results.json").read_text())
    found = results["parts"]
    assert results["targets"]["throughput"] == [target]
    assert found["throughput"] == earlier["parts"]["throughput"]
    assert "exit status 1" in found["cifar"]["failed"]
    fashion = found["fashion"]
    assert fashion["steps"] == 6
    assert fashion["steps_per_second"] > 0
    assert len(fashion["knn_by_epoch"]) == 3
    assert set(fashion["held_out"]) == {"by_training_images", "by_each_other"}
    last_probe = fashion["knn_by_epoch"][-1][1]
    assert fashion["held_out"]["by_each_other"] == pytest.approx(last_probe, abs=1e-4)
    page = (out / "results.md").read_text()
    assert "figures say nothing" in page
    assert "- cifar: failed" in page
    assert "| pace | 0.8 | 0.7 | **missed** |" in page
