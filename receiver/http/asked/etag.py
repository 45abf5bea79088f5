"""Entity tags: whether an answer is known, and of incidents which version one is.

``"7-9c56cc51"``: an answer looks the same while all of it is; what ``If-Match`` asks for is the
version alone, since deliveries and what is due go on while nobody does anything (RFC 9110, 13.1).
"""

import hashlib
import re

from aiohttp import web

from receiver.errors import PayloadError

IF_MATCH = "If-Match"
_TAGS_MAX = 20
_TAG = re.compile(r'"(\d{1,18})-[0-9a-f]+"')


def tag_of(version: int, body: bytes) -> str:
    """Return the tag of an incident's answer."""
    return f'"{version}-{hashlib.blake2b(body, digest_size=4).hexdigest()}"'


def is_known(request: web.Request, tag: str) -> bool:
    """Return whether whoever asks has just this answer already."""
    return tag in request.headers.get("If-None-Match", "")


def wanted_versions(request: web.Request) -> frozenset[int]:
    """Return the versions that a request is meant for, none where it says none.

    PayloadError for what no answer has said.
    """
    given = request.headers.get(IF_MATCH, "").strip()
    if given in ("", "*"):
        return frozenset()
    tags = [tag.strip() for tag in given.split(",")]
    found = [_TAG.fullmatch(tag) for tag in tags[:_TAGS_MAX]]
    versions = frozenset(int(tag[1]) for tag in found if tag)
    if len(versions) == 0 or None in found or len(tags) > _TAGS_MAX:
        words = f"is {given[:40]!r}; allowed: the ETag that GET /v1/incidents/ID answered"
        raise PayloadError(words, IF_MATCH)
    return versions
