"""Writes the table of what people do to incidents into docs/api.md, from the registry of actions.

``python -m benchmarks.action_table`` writes it.
"""

from pathlib import Path

from receiver.actions.registry import REGISTRY
from receiver.actions.row import Action, Field

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
BEGIN, END = "<!-- actions -->\n", "<!-- end of actions -->\n"


def table() -> str:
    """Return the table as Markdown."""
    lines = ["| action | what it does | body | result |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {row.meaning} {row.note}".rstrip() + f" | {_body(row)} | {row.answers} |"
        for name, row in REGISTRY.items()
    ]
    return "\n".join([*lines, ""])


def _body(row: Action) -> str:
    return "<br>".join(_field(field) for field in row.fields)


def _field(field: Field) -> str:
    choices = ", ".join(f"`{value}`" for value, _ in field.choices)
    words = choices or field.help.rstrip(".")
    needed = "" if field.needed else ", optional"
    return f"`{field.name}`{needed}" + (f": {words}" if words else "")


def with_table(text: str) -> str:
    """Return the page with the table of today."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
