"""Requests gone wrong: what was meant, with something of it replaced, lost, doubled or broken.

Random bytes stop at the first parser. These keep most of what makes a request meant, so that what
is odd about them arrives where it does harm.
"""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from hypothesis import strategies as st

DEEP, DIGITS, TWICE = "@deep@", "@digits@", "@twice@"
"""Texts that stand for what ``json`` does not write: see ``_as_json``."""
LENGTHS = (100, 5_000, 100_000)
_ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[31m\r\n",
    "\ud800",
    "x\udfff",
    "\u202e\u2066\ufeff",
    "🤦🏽‍♂️" * 50,
    "a\u0301" * 100,
    "<!channel> <@U1> <https://evil.example|ok>",
    "{{ 7*7 }}{% raw %}",
    "%s%n{0}",
    "../../etc/passwd",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T25:61:61Z",
    "1e999",
    "-1h",
    "99999999999999999999h",
    "null",
    "P1",
    'a=~"(a+)+$"',
    "١٢٣",
    "__proto__",
    DEEP,
    DIGITS,
)
_ODD_NUMBERS = (
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**20, 10**40, -(10**40)),
    *(1e300, -0.0, 1e-320, float("nan"), float("inf"), float("-inf"), 253402300800, -62135596801),
)

texts = st.one_of(
    st.sampled_from(_ODD_TEXTS),
    st.text(max_size=20),
    st.builds(lambda char, length: char * length, st.characters(), st.sampled_from(LENGTHS)),
)
numbers = st.one_of(st.sampled_from(_ODD_NUMBERS), st.integers(), st.floats())
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(texts.filter(lambda text: len(text) < LENGTHS[-1]), inner, max_size=4),
    ),
    max_leaves=6,
)

Path = tuple[str | int, ...]
Draw = Callable[[st.SearchStrategy[Any]], Any]


def paths(value: Any, above: Path = ()) -> Iterator[Path]:
    """Yield the way to everything within a JSON value, itself first."""
    yield above
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner  # type: ignore[assignment]
    for name, part in inner:
        yield from paths(part, (*above, name))


@st.composite
def mutated(draw: Draw, meant: Any) -> Any:
    """A JSON value with up to four things in it changed."""
    found = copy.deepcopy(meant)
    for _ in range(draw(st.integers(0, 4))):
        way = draw(st.sampled_from(list(paths(found))))
        if not way:
            # All of it is wrong at once only now and then: little is learned from that.
            found = draw(values) if draw(st.integers(0, 9)) == 0 else found
            continue
        holder: Any = found
        for name in way[:-1]:
            holder = holder[name]
        _change(draw, holder, way[-1])
    return found


def _change(draw: Draw, holder: Any, name: Any) -> None:
    change = draw(st.sampled_from(("leaf", "leaf", "text", "value", "lose", "add", "double")))
    if change in ("leaf", "text", "value"):
        holder[name] = draw({"leaf": leaves, "text": texts, "value": values}[change])
    elif change == "lose":
        del holder[name]
    elif change == "double" and isinstance(holder, list):
        holder.extend([holder[name]] * draw(st.sampled_from((1, 50))))
    elif change == "double":
        holder[f"{name}{TWICE}"] = draw(leaves)
    elif isinstance(holder, dict):
        holder[draw(texts.filter(lambda text: len(text) < LENGTHS[-1]))] = draw(values)


@st.composite
def json_bodies(draw: Draw, meant: Any) -> bytes:
    """A body of JSON, or of what was to be JSON."""
    return broken(draw, _as_json(draw(mutated(meant)), plain=draw(st.booleans())))


@st.composite
def forms(draw: Draw, meant: dict[str, Any]) -> bytes:
    """A form whose values are texts; one that is no text is written as JSON, as Slack does."""
    found = draw(mutated(meant))
    found = found if isinstance(found, dict) else {"payload": found}
    fields = {
        name.replace(TWICE, ""): value if isinstance(value, str) else _as_json(value, plain=False)
        for name, value in found.items()
    }
    return broken(draw, urlencode(fields, errors="surrogatepass").encode())


def broken(draw: Draw, body: bytes) -> bytes:
    """Return bytes as they were, mostly; else cut, doubled, or with something put in."""
    how = draw(st.sampled_from(("", "", "", "", "", "", "cut", "put in", "marked", "doubled")))
    if not how:
        return body
    # By share: what is drawn must not hang on a number of digits within the body.
    at = len(body) * draw(st.integers(0, 1_000)) // 1_000
    return {
        "cut": body[:at],
        "put in": body[:at] + draw(st.binary(max_size=8)) + body[at:],
        "marked": b"\xef\xbb\xbf" + body,
        "doubled": body + body[at:],
    }[how]


def _as_json(value: Any, *, plain: bool) -> bytes:
    """Return JSON. ``plain``: characters as they are, lone surrogates in what looks like UTF-8."""
    text = json.dumps(value, ensure_ascii=not plain)
    for mark, what in (
        (f'"{DEEP}"', "[" * 3_000 + "]" * 3_000),
        (f'"{DIGITS}"', "9" * 5_000),
        (TWICE, ""),
    ):
        text = text.replace(mark, what)
    return text.encode("utf-8", "surrogatepass")


header_texts = st.one_of(
    st.sampled_from(
        ("", "ÿþ", "a" * 4_000, "text/html", "application/json; charset=utf-99", "*/*")
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")),
)
headers = st.dictionaries(
    st.sampled_from(
        (
            *("Accept", "Accept-Encoding", "Content-Type", "Cookie", "Idempotency-Key"),
            *("If-None-Match", "Range", "Referer", "User-Agent", "X-Request-ID", "traceparent"),
        )
    ),
    header_texts,
    max_size=2,
)
