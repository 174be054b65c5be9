"""The README's Python example, as it stands there."""

import re
import shutil
from pathlib import Path

import pytest

from vicinal_cli.demo.sample import unpack

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder `pets` with real images of two kinds in it, in the working directory."""
    unpack(tmp_path / "sample")
    kinds = sorted((tmp_path / "sample").iterdir())
    (tmp_path / "pets").mkdir()
    for name, kind in (("cat", kinds[0]), ("dog", kinds[-1])):
        for image in sorted(kind.iterdir())[:40]:
            shutil.copy(image, tmp_path / "pets" / f"{name}-{image.name}")
    monkeypatch.chdir(tmp_path)


def test_the_python_example(photos, start_service, tmp_path, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    embed = start_service("embed_service")
    graph = start_service("graph_service", "--data-dir", str(tmp_path / "data"))
    for address, service in (("127.0.0.1:50051", embed), ("127.0.0.1:50052", graph)):
        assert address in example
        example = example.replace(address, service.address)
    exec(compile(example, str(README), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 80
    told = [line.split() for line in lines[:80]]
    right = sum(name.startswith(kind) for name, kind, _ in told)
    assert right >= 60
