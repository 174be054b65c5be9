"""What tests of several callers share."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def callers():
    with ThreadPoolExecutor(32) as threads:
        yield threads
