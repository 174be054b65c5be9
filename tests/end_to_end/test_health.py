"""Health follows what the service can promise."""

import time

import numpy as np
import pytest

from vicinal_client import GraphClient, RetryPolicy, Unavailable

ONCE = RetryPolicy(attempts=1)


def eventually(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_store_goes_and_comes_back(start_service, start_redis):
    redis = start_redis()
    service = start_service("graph_service", "--redis-url", redis.url)
    with GraphClient(service.address, retry=ONCE) as client:
        client.create_dataset("d", dimension=2, classes=["a", "b"])
        client.add_samples("d", ["x", "y"], np.eye(2))
        redis.kill()
        eventually(lambda: not service.serving())
        with pytest.raises(Unavailable) as refusal:
            client.add_labels("d", {"x": "a"})
        assert refusal.value.reason == "LOG_UNAVAILABLE"
        assert refusal.value.retry_after
        # What is known can still be read.
        assert list(client.export_beliefs("d").sample_ids) == ["x", "y"]
        redis.start()
        eventually(service.serving)
        client.add_labels("d", {"x": "a"})
        assert client.get_dataset("d").verified_label_count == 1


def test_a_service_that_was_taken_over_says_so(start_service, start_redis, service_at, tmp_path):
    redis = start_redis()
    service = start_service("graph_service", "--redis-url", redis.url)
    with GraphClient(service.address, retry=ONCE) as client:
        client.create_dataset("d", dimension=2, classes=["a", "b"])
        with service_at(tmp_path / "other", "graph_service", "--redis-url", redis.url):
            with pytest.raises(Exception, match="another"):
                client.add_samples("d", ["x"], np.eye(1, 2))
            eventually(lambda: not service.serving())


def test_a_store_that_can_lose_is_refused(start_service, start_redis):
    redis = start_redis(appendfsync="everysec")
    with pytest.raises(AssertionError, match="appendfsync"):
        start_service("graph_service", "--redis-url", redis.url)
    service = start_service("graph_service", "--redis-url", redis.url, "--allow-cache-only")
    assert service.serving()
    assert "MAY BE LOST" in service.log.read_text()
