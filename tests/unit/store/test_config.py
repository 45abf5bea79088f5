"""Where incidents are kept, as it is configured: bounds, and words that repeat no password."""

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.store.config import CLUSTER_SHARDS, MEMORY_LEAST, RedisConfig, StorageConfig
from receiver.store.server.cluster_url import read_cluster_url


def problems(section: Any, **values: Any) -> list[tuple[str, str]]:
    """What is wrong with it, as (field, words)."""
    with pytest.raises(ValidationError) as caught:
        section(**values)
    return [(".".join(map(str, one["loc"])), one["msg"]) for one in caught.value.errors()]


def test_nothing_configured_is_the_embedded_server_without_a_limit() -> None:
    storage, redis = StorageConfig(), RedisConfig()
    assert (storage.path, storage.max_memory) == ("data", 0)
    assert (redis.url, redis.shards, redis.wait_replicas) == ("", 1, 0)
    assert (redis.accept_loss, redis.durability) == (False, "checked")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0, 0),
        ("0", 0),
        (MEMORY_LEAST, MEMORY_LEAST),
        ("64mb", MEMORY_LEAST),
        ("65536K", MEMORY_LEAST),
        (" 1 GB ", 1 << 30),
        (1 << 50, 1 << 50),
    ],
)
def test_memory_is_none_or_enough(written: Any, meant: int) -> None:
    assert StorageConfig(max_memory=written).max_memory == meant


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (MEMORY_LEAST - 1, "less than 64mb, with which nothing works (0: no limit)"),
        ("63mb", "less than 64mb"),
        (1, "less than 64mb"),
        (-1, "greater than or equal to 0"),
        ((1 << 50) + 1, "less than or equal to"),
        ("64 mib b", "not a number of bytes, kb, mb or gb"),
        ("64m\u200b", "not a number of bytes"),
        ("1tb", "not a number of bytes"),
        ("1234567890k", "not a number of bytes"),
        ("", "not a number of bytes"),
    ],
)
def test_memory_that_is_none_is_said(written: Any, words: str) -> None:
    ((field, said),) = problems(StorageConfig, max_memory=written)
    assert field == "max_memory"
    assert words in said


def test_the_folder_needs_a_name() -> None:
    ((field, _),) = problems(StorageConfig, path="")
    assert field == "path"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://h",
        "redis://h:6379/0",
        "rediss://user:p%40ss@h:6380/1?ssl_cert_reqs=none",
        "redis://[::1]:6379",
        "redis://:a@b@h",
        "unix:///run/valkey.sock?db=1",
        "unix:///run/valkey@home.sock",
        "redis://h/0?client_name=a@b",
        "redis://h:6379?db=1&client_name=a@b",
        "rediss://:a%3Fb@h?ssl_ca_certs=/etc/@me/ca.pem",
        "unix:///run/valkey.sock?db=1&password=a@b",
        "redis://h:65535",
        "redis://h:0",
    ],
)
def test_an_address_of_a_server_is_taken_as_it_is(url: str) -> None:
    assert RedisConfig(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        *("h:6379", "http://h", "redis:/h", "redis://", "REDIS://h", "valkey://h", "unix:/s.sock"),
        *("redis://h h", " redis://h", "redis://h\n", "redis://h\nredis://i", "redis://\u2003"),
    ],
)
def test_what_is_no_address_of_a_server_is_said(url: str) -> None:
    ((field, words),) = problems(RedisConfig, url=url)
    assert field == "url"
    assert "not a redis://, rediss://, redis+sentinel://, redis+cluster:// or unix:// URL" in words


@pytest.mark.parametrize(
    "url",
    [
        "redis://:se#cret@h",
        "redis://:se/cret@h:x",
        "redis://h:65536",
        "redis://h:-1",
        "redis://[::1:6379",
        "redis://user:secret@h:port",
        "redis://:secret@h:6379x/0",
        "redis://:12#secret@h",
        "redis://:12/secret@h:6379",
        "rediss://user:12/#secret@h",
        "redis://:12?secret@h:6379",
        "redis://:12?@h:6379/secret",
        "redis://user:12?secret@h:6379/0",
        "redis://:12?se=cret@h:6379",
        "redis://:12?db=1&secret@h:6379",
        "redis://:se@cret?secret@h",
        "rediss://:?secret@h",
        "unix://:12?secret@/run/valkey.sock",
    ],
)
def test_a_port_that_is_none_is_said_without_what_it_was_read_from(url: str) -> None:
    ((field, words),) = problems(RedisConfig, url=url)
    assert field == "url"
    assert "host and port cannot be read; in a user's name and password write" in words
    assert "%40" in words
    assert "cret" not in words


def test_a_password_is_not_shown_with_the_section() -> None:
    section = RedisConfig(url="redis://:secret@h", shards=2)
    assert "secret" not in repr(section) + str(section)
    assert "shards=2" in repr(section)


@pytest.mark.parametrize(
    ("field", "least", "most"), [("shards", 1, 1024), ("wait_replicas", 0, 16)]
)
def test_numbers_have_bounds_that_belong_to_them(field: str, least: int, most: int) -> None:
    for number in (least, most):
        assert getattr(RedisConfig.model_validate({field: number}), field) == number
    for wrong in (least - 1, most + 1, 1.5, "many", None):
        ((where, _),) = problems(RedisConfig, **{field: wrong})
        assert where == field


@pytest.mark.parametrize("written", ["checked", "ASSURED", "Checked", "assured"])
def test_durability_is_a_word_in_letters_of_any_size(written: str) -> None:
    assert RedisConfig(durability=written).durability == written.lower()  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["", "yes", "checked ", True, None, 1])
def test_another_word_for_durability_is_refused(written: Any) -> None:
    ((field, words),) = problems(RedisConfig, durability=written)
    assert (field, "'checked' or 'assured'" in words) == ("durability", True)


@pytest.mark.parametrize("section", [StorageConfig, RedisConfig])
def test_a_setting_that_nobody_knows_is_refused(section: Any) -> None:
    ((field, _),) = problems(section, pathh="x")
    assert field == "pathh"


def test_a_cluster_has_twelve_shards_unless_it_is_said_otherwise() -> None:
    url = "redis+cluster://a,b:7000,[::1]"
    assert RedisConfig(url=url).shards == CLUSTER_SHARDS == 12
    assert RedisConfig(url=url, shards=3).shards == 3
    assert (RedisConfig(url=url).takeover, RedisConfig(url=url, wait_replicas=1).takeover) == (
        True,
        False,
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("a,b/1", "a Cluster has one database"),
        ("a,,b", "the addresses of the Cluster's servers cannot be read"),
        ("a:port", "the addresses of the Cluster's servers cannot be read"),
        ("u:12#secret@a", "the addresses of the Cluster's servers cannot be read"),
        ("u:12?secret@a", "host and port cannot be read"),
    ],
)
def test_a_cluster_that_cannot_be_read_is_said_without_a_password(url: str, words: str) -> None:
    ((field, said),) = problems(RedisConfig, url=f"redis+cluster://{url}")
    assert (field, words in said, "secret" in said) == ("url", True, False)


def test_what_a_cluster_url_says_of_its_servers() -> None:
    read = read_cluster_url("rediss+cluster://u:p%40x@a,b:7000?ssl_ca_certs=/ca")
    assert (read.places, read.tls) == ([("a", 6379), ("b", 7000)], True)
    wanted = {"username": "u", "password": "p@x", "ssl_ca_certs": "/ca"}
    assert read.connection() == wanted
