"""A YAML file as plain data, with the line of every key and item."""

from typing import Any, NamedTuple

import yaml

_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_MERGE = "tag:yaml.org,2002:merge"
_STANDARD = "tag:yaml.org,2002:"
_QUOTE = "put a value that begins with ! or * or & into quotes"
Path = tuple[str | int, ...]


class Document(NamedTuple):
    """``lines`` maps the path of each key and list item to its line, counted from 1.

    ``problems`` are (line, text). ``data`` is None for an empty document.
    """

    data: Any
    lines: dict[Path, int]
    problems: list[tuple[int, str]]


def read_yaml(text: str) -> Document:
    """Parse one YAML document; what is wrong is in ``problems``, all at once where possible.

    Keys become str; a key given twice is a problem, which YAML itself demands and most readers
    pass over.
    """
    reader = _Reader()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or ""
        if isinstance(error, yaml.composer.ComposerError) and "alias" in what:
            what = f"an alias of nothing; {_QUOTE}"
        if "'\\t'" in what:
            what = "a tab; indent with blanks, YAML takes no tabs"
        reader.problems.append((_line(mark), f"not valid YAML: {what}"))
        return Document(None, {}, reader.problems)
    except (yaml.YAMLError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else "bad character"
        return Document(None, {}, [(1, f"not valid YAML: {what}")])
    data = None if node is None else reader.read(node, ())
    return Document(data, reader.lines, reader.problems)


def _shown(tag: str) -> str:
    """Return a tag for a message; one of no standard may be a secret that begins with "!"."""
    known = tag.startswith(_STANDARD)
    return f"the tag {tag}" if known else f"its tag; {_QUOTE}"


def _line(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 1


class _Reader:
    """Turns nodes into data. One use a document."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[tuple[int, str]] = []
        self._open: set[int] = set()
        self._budget = 100_000

    def read(self, node: yaml.Node, path: Path) -> Any:
        """Return the data of a node; anchors may be used, but not inside themselves."""
        self._budget -= 1
        if id(node) in self._open or self._budget < 0:
            message = "an alias that contains itself, or too many values"
            self.problems.append((_line(node.start_mark), message))
            return None
        self._open.add(id(node))
        try:
            if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
                message = f"not a value for {_shown(node.tag)}"
                self.problems.append((_line(node.start_mark), message))
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return self._sequence(node, path)
            return self._scalar(node)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        # What is merged comes first, wherever it stands: what overrides it has a line of its own.
        for key_node, value_node in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            line = _line(key_node.start_mark)
            if key_node.tag == _MERGE:
                merged.update(self._merge(value_node, path))
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append((line, "a key must be plain text"))
                continue
            key = key_node.value
            place = ".".join(str(part) for part in (*path, key))
            if key in found:
                first = self.lines[*path, key]
                self.problems.append((line, f"{place}: given twice, first in line {first}"))
                continue
            self.lines[*path, key] = line
            found[key] = self.read(value_node, (*path, key))
        return {**merged, **found}

    def _merge(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for source in reversed(sources):
            data = self.read(source, path)
            if isinstance(data, dict):
                merged.update(data)
            else:
                self.problems.append((_line(source.start_mark), "<<: must name a mapping"))
        return merged

    def _sequence(self, node: yaml.SequenceNode, path: Path) -> list[Any]:
        items = []
        for number, item in enumerate(node.value):
            self.lines[*path, number] = _line(item.start_mark)
            items.append(self.read(item, (*path, number)))
        return items

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError):
            message = f"not a value for {_shown(node.tag)}"
            self.problems.append((_line(node.start_mark), message))
            return None
