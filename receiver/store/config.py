"""The configuration of where incidents are kept."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from receiver.config.types import Size, lower
from receiver.store.server.cluster_url import is_cluster, read_cluster_url
from receiver.store.server.sentinel import is_sentinel, read_sentinel_url
from routing.config.base import Section

MEMORY_LEAST = 64 << 20
SHARDS_MAX = 1_024
CLUSTER_SHARDS = 12
"""So many are spread over three primaries by 4, 5 and 3, over four by 3 each, and one that is added
has some to be given."""
_TAKES_AT = re.compile(r"(client_name|lib_name|username|password|ssl_\w+)=").match
"""Options of a URL whose value may have an @: any other is what a password's ? cut off."""
_UNREADABLE = (
    "host and port cannot be read; in a user's name and password write / # ? @ : as %2F %23 %3F"
    " %40 %3A"
)


class StorageConfig(Section):
    """Where the embedded store keeps its data, and how much memory (bytes) it may use; 0: any."""

    path: str = Field(default="data", min_length=1)
    max_memory: Size = 0

    @field_validator("max_memory")
    @classmethod
    def _enough(cls, value: int) -> int:
        if 0 < value < MEMORY_LEAST:
            raise ValueError("less than 64mb, with which nothing works (0: no limit)")
        return value


class RedisConfig(Section):
    """The server to use; an empty ``url`` means the embedded one.

    ``url`` may hold a password: it is left out of the representation. ``accept_loss``: a server
    that may forget what it acknowledged will do. ``durability``: ``checked`` asks the server,
    ``assured`` trusts one that does not tell.
    """

    url: str = Field(default="", repr=False)
    shards: int = Field(default=1, ge=1, le=SHARDS_MAX)
    """Of a Cluster 12 unless it is given."""
    wait_replicas: int = Field(default=0, ge=0, le=16)
    accept_loss: bool = False
    durability: Annotated[Literal["checked", "assured"], BeforeValidator(lower)] = "checked"

    @property
    def takeover(self) -> bool:
        """Whether a replica may take over that need not have what was acknowledged."""
        return (is_sentinel(self.url) or is_cluster(self.url)) and not self.wait_replicas

    @model_validator(mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        if isinstance(given, dict) and "shards" not in given and is_cluster(str(given.get("url"))):
            return {**given, "shards": CLUSTER_SHARDS}
        return given

    @field_validator("url")
    @classmethod
    def _scheme(cls, value: str) -> str:
        if value and not re.match(r"(rediss?(\+sentinel|\+cluster)?|unix)://\S+\Z", value):
            raise ValueError(
                "not a redis://, rediss://, redis+sentinel://, redis+cluster:// or unix:// URL"
            )
        if is_sentinel(value):
            read_sentinel_url(value)
            return value
        if is_cluster(value):
            read_cluster_url(value)
            if _is_cut_off(value.partition("?")[2]):
                raise ValueError(_UNREADABLE)
            return value
        if not _is_whole(value):
            # The parser's own words would repeat a part of the password.
            raise ValueError(_UNREADABLE)
        return value


def _is_whole(url: str) -> bool:
    """Return whether nothing cuts a URL off: what follows a password's / # or ? is no host."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return False
    if _is_cut_off(parts.query):
        return False
    return parts.scheme == "unix" or not (parts.fragment or "@" in parts.path)


def _is_cut_off(query: str) -> bool:
    """Return whether the options of a URL are what follows a password's ?."""
    return any("@" in option and not _TAKES_AT(option) for option in query.split("&"))
