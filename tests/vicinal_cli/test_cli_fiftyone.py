"""`vicinal fiftyone` where FiftyOne is not installed; tests/integrations/fiftyone has the rest."""

from importlib.util import find_spec

import pytest

from vicinal_cli.errors import CliError
from vicinal_cli.main import app


@pytest.mark.skipif(find_spec("fiftyone") is not None, reason="FiftyOne is installed")
@pytest.mark.parametrize("arguments", [["push", "a"], ["pull", "a"], ["sync", "a"], ["install-plugin"]])
def test_what_is_missing_is_named(arguments):
    with pytest.raises(CliError) as refused:
        app(["fiftyone", *arguments], standalone_mode=False)
    assert "fiftyone" in refused.value.message
    assert refused.value.hint == "pip install 'vicinal[fiftyone]'"
