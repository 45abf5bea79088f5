"""Whether the house is still one to live in: its rooms, its functions and the ways through it.

``python -m benchmarks.house`` prints name, figure and bound, and exits with 1 when one is short.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LOOSE, IN_A_ROOM = 16, 20
LONGEST, FILE_P95 = 60, 250
TESTS_TO_CODE = 1.2
EXAMPLES = {"notifier": 5, "action": 4, "enricher": 3}
"""How many files that are there already an example of CONTRIBUTING.md may touch."""
_EXAMPLE = re.compile(r"```files (\w+)\n(.*?)```", re.DOTALL)


class Check(NamedTuple):
    """One figure, and whether it is as it should be."""

    name: str
    figure: str
    bound: str
    good: bool


def modules(root: Path) -> list[Path]:
    """Return the modules of both packages, by path."""
    return sorted(file for top in ("receiver", "routing") for file in (root / top).rglob("*.py"))


def rooms(root: Path) -> Iterator[Check]:
    """Yield how many modules lie loose in ``receiver``, and in its fullest room."""
    count = Counter(str(file.parent.relative_to(root)) for file in modules(root))
    loose = count.pop("receiver", 0)
    yield Check("loose modules in receiver/", str(loose), f"<= {LOOSE}", loose <= LOOSE)
    count.pop("routing", None)
    name, most = max(count.items(), key=lambda item: item[1], default=("none", 0))
    yield Check(
        "modules in the fullest room", f"{most} ({name})", f"<= {IN_A_ROOM}", most <= IN_A_ROOM
    )


def lengths(root: Path) -> Iterator[Check]:
    """Yield the longest function, and how long nineteen files in twenty are at most."""
    longest, where = 0, ""
    sizes = []
    for file in modules(root):
        text = file.read_text()
        sizes.append(text.count("\n"))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > longest:
                    longest, where = length, f"{file.relative_to(root)}: {node.name}"
    yield Check("longest function", f"{longest} ({where})", f"<= {LONGEST}", longest <= LONGEST)
    size = sorted(sizes)[int(len(sizes) * 0.95)] if sizes else 0
    yield Check("lines of a file, p95", str(size), f"<= {FILE_P95}", size <= FILE_P95)


def examples(root: Path) -> Iterator[Check]:
    """Yield how many files the worked examples touch; new ones begin with a plus."""
    found = dict(_EXAMPLE.findall((root / "CONTRIBUTING.md").read_text()))
    for name, most in EXAMPLES.items():
        files = found.get(name, "").split()
        old = [file for file in files if not file.startswith("+")]
        gone = [file for file in old if not (root / file).exists()]
        figure = f"{len(old)} existing" + (f", not there: {', '.join(gone)}" if gone else "")
        good = bool(files) and not gone and len(old) <= most
        yield Check(f"files of a new {name}", figure if files else "no example", f"<= {most}", good)


def tests(root: Path) -> Iterator[Check]:
    """Yield how many lines of tests there are for each line of code."""
    code = sum(file.read_text().count("\n") for file in modules(root))
    lines = sum(file.read_text().count("\n") for file in (root / "tests").rglob("*.py"))
    ratio = lines / code if code else 0.0
    yield Check("test to code", f"{ratio:.2f}", f">= {TESTS_TO_CODE}", ratio >= TESTS_TO_CODE)


def contracts(root: Path) -> Iterator[Check]:
    """Yield how many import contracts are kept."""
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([program], capture_output=True, text=True, check=False, cwd=root)
    kept = re.search(r"Contracts: (\d+ kept, \d+ broken)", done.stdout)
    yield Check(
        "import contracts", kept[1] if kept else "not checked", "0 broken", not done.returncode
    )


def main() -> int:
    """Print all of it; return the exit code."""
    short = False
    for part in (rooms, lengths, examples, tests, contracts):
        for check in part(ROOT):
            short = short or not check.good
            word = "ok" if check.good else "SHORT"
            print(f"{check.name:<30} {check.figure:<58} {check.bound:<10} {word}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
