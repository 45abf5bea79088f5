"""The short proofs, in CI as well: real tools, real Chromium, real kills, real races.

Bounds in time are for a machine that does nothing else, and are left to `make prove`.
"""

import importlib

import pytest


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", ["race", "order", "kill", "system", "status_page", "clocks", "login", "roles", "abuse"]
)
async def test_every_line_of_the_proof_holds(name: str) -> None:
    lines: list[tuple[str, str, str, bool]] = []

    def report(what: str, figure: str, bound: str, ok: bool, *, timed: bool = False) -> None:
        lines.append((what, figure, bound, ok or timed))

    await importlib.import_module(f"benchmarks.proofs.{name}").run(report)
    assert lines
    assert [line for line in lines if not line[3]] == []
