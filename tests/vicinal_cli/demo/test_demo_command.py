"""`vicinal demo` from end to end, on pictures that a tiny encoder can tell apart."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid

import pytest


@pytest.fixture
def demo(encoder, tmp_path, run_cli):
    """Run the demo with a temporary folder of its own; check that nothing is left there or running."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def run(*arguments, fails=False):
        done = run_cli(
            "demo", "--encoder", encoder, *arguments, fails=fails, environment={"TMPDIR": str(temporary)}
        )
        assert not list(temporary.iterdir())
        return done

    return run


def test_it_ends_with_a_report(demo, pictures, tmp_path):
    done = demo("--images", pictures, "--out", "out")
    assert re.findall(r"^ +(\d+) labels", done.stdout, re.MULTILINE) == ["10", "20", "50"] * 2
    shares = [float(share) for share in re.findall(r"labels +([\d.]+)%", done.stdout)]
    assert shares[2] > 90, "three colours are easy to tell apart"
    assert re.search(r"≥ 0\.50 .* recall +(9\d\.\d|100\.0)%", done.stdout)
    report = tmp_path / "out/report.html"
    assert done.stdout.endswith(f"report: {report}\n")
    assert "data:image/png;base64," in report.read_text()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_one_that_is_stopped_leaves_nothing(pictures, encoder, tmp_path, living, number, status):
    mark = uuid.uuid4().hex
    demo = subprocess.Popen(
        [sys.executable, "-m", "vicinal_cli", "demo", "--images", pictures, "--encoder", encoder],
        env={**os.environ, "TMPDIR": str(tmp_path), "VICINAL_TEST_MARK": mark},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert re.match("starting both services .* half a minute", demo.stderr.readline())
    while len(living(mark, tmp_path)) < 4:
        assert demo.poll() is None
    demo.send_signal(number)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == status, said
    assert "Traceback" not in said
    if number == signal.SIGKILL:
        while living(mark, tmp_path):
            time.sleep(0.02)
    else:
        assert not living(mark, tmp_path)
        assert not list(tmp_path.iterdir())


def test_pictures_without_classes_are_refused(demo, pictures):
    done = demo("--images", pictures / "red", fails=True)
    assert "0 sub-folders with images" in done.stderr


def test_services_that_do_not_start_are_heard(demo, pictures, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no encoder")
    done = demo("--encoder", tmp_path / "bad.onnx", "--images", pictures, fails=True)
    assert "the services did not start" in done.stderr
    assert "bad.onnx" in done.stderr
