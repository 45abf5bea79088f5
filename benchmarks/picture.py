"""Draws the rooms and which of them knows which, from the imports, into docs/architecture.md.

``python -m benchmarks.picture`` writes it. Floors are those of the import contract; of the arrows
only those of several imports are drawn, or there would be nothing to see.
"""

import tomllib
from collections import Counter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
CONTRACT = "every room has its floor"
BEGIN, END = "<!-- picture -->\n", "<!-- end of picture -->\n"
DRAWN = 4
"""Fewer imports than that between two rooms are left out."""
LEAVES = 4
"""The lowest floors. Everybody uses them and ``routing``: arrows to them would say nothing."""


def floors() -> list[list[str]]:
    """Return the rooms of each floor, the uppermost first, as the contract has them."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (one for one in tool["contracts"] if one["name"] == CONTRACT)
    return [[room.strip() for room in floor.split("|")] for floor in contract["layers"]]


def arrows(modules: dict[str, set[str]]) -> Counter[tuple[str, str]]:
    """Return how many modules of one room import how many of another: (from, to) -> number.

    ``modules``: module -> modules that it imports.
    """
    found: Counter[tuple[str, str]] = Counter()
    for name, imported in modules.items():
        for other in imported:
            pair = room_of(name), room_of(other)
            if all(pair) and pair[0] != pair[1]:
                found[pair] += 1
    return found


def room_of(module: str) -> str:
    """Return the room of a module; ``routing`` is one, "" is for none."""
    package, _, rest = module.partition(".")
    return package if package == "routing" else rest.partition(".")[0]


def drawn() -> str:
    """Return the picture as Mermaid."""
    graph = grimp.build_graph("receiver", "routing")
    modules = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    rows = floors()
    leaves = {room for floor in rows[-LEAVES:] for room in floor}
    ignored = {*leaves, "routing", "__main__"}
    lines = ["```mermaid", "flowchart TD"]
    for number, floor in enumerate(rows[:-LEAVES]):
        lines.append(f'  subgraph floor{number} [" "]')
        lines += [f"    {room}" for room in floor]
        lines.append("  end")
    lines.append(f'  leaves["for all: routing; {", ".join(sorted(leaves))}"]')
    for (one, other), number in sorted(arrows(modules).items()):
        if number >= DRAWN and not {one, other} & ignored:
            lines.append(f"  {one} --> {other}")
    return "\n".join([*lines, "```", ""])


def with_picture(text: str) -> str:
    """Return the page with the picture of today."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{drawn()}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text()))
