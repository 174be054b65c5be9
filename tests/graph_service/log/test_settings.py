from contextlib import closing

import pytest

from graph_service.log.connection import connect
from graph_service.log.redis_store import RedisStore
from graph_service.log.settings import UnsuitableServer, check
from vicinal.wire.errors import Unavailable

UNSAFE = [
    ("appendonly", "no", "yes"),
    ("appendfsync", "everysec", "always"),
    ("appendfsync", "no", "always"),
    ("no-appendfsync-on-rewrite", "yes", "no"),
    ("maxmemory-policy", "volatile-ttl", "noeviction"),
    ("maxmemory-policy", "allkeys-lru", "noeviction"),
]


@pytest.mark.parametrize(("setting", "value", "wanted"), UNSAFE)
def test_each_unsafe_setting_is_named_with_its_cure(start_redis, setting, value, wanted):
    url = start_redis(**{setting: value}).url
    with pytest.raises(UnsuitableServer) as refusal:
        RedisStore.connect(url)
    message = str(refusal.value)
    assert f"{setting} is {value}, and must be {wanted}: CONFIG SET {setting} {wanted}" in message
    assert "--allow-cache-only" in message
    assert message.count("must be") == 1


def test_the_cure_cures(start_redis):
    url = start_redis(appendfsync="everysec").url
    with closing(connect(url)) as client:
        client.config_set("appendfsync", "always")
    RedisStore.connect(url).close()


def test_all_unsafe_settings_are_named_at_once(start_redis):
    url = start_redis(appendonly="no", appendfsync="no").url
    with pytest.raises(UnsuitableServer, match=r"appendonly is no.*appendfsync is no"):
        RedisStore.connect(url)


def test_an_unsafe_server_can_be_accepted_loudly(start_redis, caplog):
    url = start_redis(appendonly="no", appendfsync="no").url
    with closing(RedisStore.connect(url, allow_cache_only=True)) as store:
        assert store.names() == []
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 2
    assert all("ANSWERED WRITES MAY BE LOST" in warning for warning in warnings)


def test_a_server_that_hides_its_settings_is_refused(store_url, caplog):
    with closing(connect(store_url)) as client:
        client.execute_command("ACL", "SETUSER", "default", "-config")
    with pytest.raises(UnsuitableServer, match="does not let its settings be read"):
        RedisStore.connect(store_url)
    RedisStore.connect(store_url, allow_cache_only=True).close()
    assert "CONFIG GET" in caplog.text


def test_a_cluster_is_refused_whatever_is_allowed(start_redis):
    url = start_redis(**{"cluster-enabled": "yes"}).url
    with pytest.raises(UnsuitableServer, match="cluster"):
        RedisStore.connect(url, allow_cache_only=True)


class OldServer:
    """What a client of Redis 6 answers; none is at hand to run."""

    def info(self, section):
        return {"redis_version": "6.2.14", "redis_mode": "standalone"}

    def config_get(self, *names):
        return {}


def test_an_old_server_is_refused_whatever_is_allowed():
    with pytest.raises(UnsuitableServer, match=r"Redis 6\.2\.14; Redis 7 or newer"):
        check(OldServer(), allow_cache_only=True)


def test_a_password_that_is_missing_is_said(start_redis):
    server = start_redis()
    with closing(connect(server.url)) as client:
        client.config_set("requirepass", "secret")
    with pytest.raises(Unavailable, match="Authentication required"):
        RedisStore.connect(server.url)
    RedisStore.connect(server.url.replace("//", "//:secret@")).close()


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", ""])
def test_a_url_of_another_scheme_is_refused(url):
    with pytest.raises(ValueError, match="redis://"):
        RedisStore.connect(url)
