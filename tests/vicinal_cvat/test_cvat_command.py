import sys

import pytest

from vicinal_cli import needs
from vicinal_cli.main import main


@pytest.mark.parametrize("command", ["push", "sync", "pull"])
def test_without_the_sdk_the_extra_is_named(command, monkeypatch, capsys):
    there = needs.find_spec
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "cvat_sdk" else there(name))
    monkeypatch.setattr(sys, "argv", ["vicinal", "cvat", command, "--task", "7"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert "vicinal cvat needs cvat_sdk" in said
    assert "pip install 'vicinal[cvat]'" in said
