"""Label matchers, written and meant as in Alertmanager.

``severity="critical"``, ``team=~"db|web"``, ``env!="test"``, ``job!~"batch.*"``; several are joined
by commas, with or without braces around them; values and names may be quoted, and a name with
characters beyond ``[A-Za-z0-9_:]`` has to be. A missing label is the same as an empty one.

A regular expression must match the whole value. It is RE2's, as in Alertmanager (Go's ``regexp``
is the same syntax): matching takes time in proportion to the value's length whatever the pattern,
where Python's own engine can take hours, on the event loop.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping

import re2

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NAME = re.compile(rf"\s*({_QUOTED}|[A-Za-z_:][A-Za-z0-9_:]*)\s*", re.DOTALL)
_OPERATOR = re.compile(r"(=~|!~|!=|=)\s*")
_VALUE = re.compile(
    rf"""({_QUOTED}|[^\s,"'`=~!{{}}][^,"{{}}]*|(?=\s*(?:,|\}}|$)))\s*""",
    re.DOTALL,
)
_ESCAPE = re.compile(r'\\([n"\\])')
_GO_REFUSES = re.compile(r"(?:[^\\]|^)(?:\\\\)*(\\C|\{(?:[0-9]+,)?[0-9]{10,}(?:,[0-9]*)?\})")
"""What RE2 takes and Go does not: half a character, and a repetition too large to be one."""
_PLAIN_ALTERNATIVES = re.compile(r"[\w :/@%,;=&'\"<>~-]*(?:\|[\w :/@%,;=&'\"<>~-]*)*")


class Matcher:
    """One condition on one label. Equal when name, operator and value are."""

    __slots__ = ("_accepts", "_positive", "_text", "name", "operator", "value")

    def __init__(self, name: str, operator: str, value: str) -> None:
        """``operator`` is =, !=, =~ or !~. ValueError for a bad regular expression."""
        self.name = name
        self.operator = operator
        self.value = value
        self._positive = operator.startswith("=")
        self._accepts = _regex(value) if operator.endswith("~") else value.__eq__
        plain = re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", name)
        self._text = f"{name if plain else _quote(name)}{operator}{_quote(value)}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether a set of labels fulfils the condition."""
        return bool(self._accepts(labels.get(self.name, ""))) is self._positive

    @property
    def values(self) -> frozenset[str] | None:
        """The only values that fulfil it (a missing label is ""), None where they are not known."""
        return self._listed() if self._positive else None

    @property
    def refused_values(self) -> frozenset[str] | None:
        """The only values that do not fulfil it, None where they are not known."""
        return None if self._positive else self._listed()

    def _listed(self) -> frozenset[str] | None:
        if not self.operator.endswith("~"):
            return frozenset((self.value,))
        plain = _PLAIN_ALTERNATIVES.fullmatch(self.value)
        return frozenset(self.value.split("|")) if plain else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matcher) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Matcher {self}>"


def matches_all(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether all matchers hold for the labels; true when there are none."""
    for matcher in matchers:  # noqa: SIM110 - a generator would cost more than the comparison
        if not matcher.matches(labels):
            return False
    return True


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of ``a="b", c=~"d"`` or ``{a="b",c=~"d"}``; none for an empty text.

    ValueError, saying where, for anything that is not a list of matchers.
    """
    body = text.strip()
    braced = body.startswith("{")
    if braced:
        if not body.endswith("}"):
            raise ValueError(f"matcher {text!r}: the closing brace is missing")
        body = body[1:-1]
    elif body.endswith("}"):
        # Without this an expression such as a=~x{2} would be cut short unseen.
        raise ValueError(f"matcher {text!r}: a brace outside quotes; put the value in quotes")
    found = []
    position = 0
    while body[position:].strip():
        matcher, position = _parse_one(body, position, text)
        found.append(matcher)
        if position < len(body):
            if body[position] != ",":
                raise ValueError(f"matcher {text!r}: expected a comma before {body[position:]!r}")
            position += 1
    return tuple(found)


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Return the labels of an alert, as Alertmanager writes matchers; ValueError."""
    found: dict[str, str] = {}
    for text in texts:
        for matcher in parse_matchers(text):
            if matcher.operator != "=":
                raise ValueError(f"{text!r}: an alert has labels, so write = alone")
            found[matcher.name] = matcher.value
    return found


def label_finder(labels: Mapping[str, Iterable[str]]) -> Callable[[bytes], bool]:
    """Return a quick test of whether a JSON text has one of ``labels``, with one of its values.

    In either case of letters, and without reading the text: it may be another thing's name.
    """
    pairs = [
        rf"{re2.escape(json.dumps(name))}\s*:\s*\"(?:{'|'.join(map(_in_json, sorted(values)))})\""
        for name, values in sorted(labels.items())
        if values
    ]
    if not pairs:
        return lambda _: False
    search = re2.compile(f"(?i:{'|'.join(pairs)})".encode()).search
    return lambda data: search(data) is not None


def _in_json(value: str) -> str:
    escaped: str = re2.escape(json.dumps(value, ensure_ascii=False)[1:-1])
    return escaped


def _parse_one(body: str, position: int, text: str) -> tuple[Matcher, int]:
    name = _NAME.match(body, position)
    if name is None:
        raise ValueError(
            f"matcher {text!r}: expected a label name at {body[position:]!r}"
            " (one with other characters than letters, digits and _ goes in quotes)"
        )
    operator = _OPERATOR.match(body, name.end())
    if operator is None:
        raise ValueError(
            f"matcher {text!r}: expected =, !=, =~ or !~ after {name[1]}"
            " (a name with other characters than letters, digits and _ goes in quotes)"
        )
    value = _VALUE.match(body, operator.end())
    if value is None:
        raise ValueError(
            f"matcher {text!r}: expected a value at {body[operator.end() :]!r}"
            " (a value with quotes, braces, commas or a leading operator goes in quotes)"
        )
    label = _unquote(name[1])
    if not label:
        raise ValueError(f"matcher {text!r}: the label name is empty")
    return Matcher(label, operator[1], _unquote(value[1].rstrip())), value.end()


def _unquote(token: str) -> str:
    r"""Take off quotes and escapes; an unknown escape such as ``\d`` stays, as in Alertmanager."""
    if not token.startswith('"'):
        return token
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], token[1:-1])


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _regex(pattern: str) -> Callable[[str], bool]:
    """Return a test of whole values; plain alternatives become a set, which is faster still."""
    if _PLAIN_ALTERNATIVES.fullmatch(pattern):
        return frozenset(pattern.split("|")).__contains__
    if refused := _GO_REFUSES.search(pattern):
        raise ValueError(f"bad regular expression {pattern!r}: {refused[1]} is not allowed")
    options = re2.Options()
    options.log_errors = False
    try:
        fullmatch = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        words = error.args[0]
        shown = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
        raise ValueError(f"bad regular expression {pattern!r}: {shown}") from error
    except UnicodeEncodeError as error:
        raise ValueError(f"bad regular expression {pattern!r}: not UTF-8") from error
    return lambda value: fullmatch(value.encode("utf-8", "replace")) is not None
