"""Nobody is told which encoder runs where."""

import os
import subprocess
import sys

SCRIPT = """
from embed_service.encoder.model import Encoder
from embed_service.starter import STARTER_ENCODER
Encoder(STARTER_ENCODER)
"""


def test_onnx_runtime_prepares_no_reports(tmp_path):
    """Where it would report, it first makes a database of its reports in the user's cache folder."""
    hidden = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))
