"""What docs draw from the code is that of today."""

import subprocess
import sys

from benchmarks import action_table, picture


def test_the_page_shows_the_imports_of_today() -> None:
    # A process of its own: grimp reads the tree, and what other tests imported is not of it.
    code = "from benchmarks import picture; print(picture.drawn(), end='')"
    words = [sys.executable, "-c", code]
    drawn = subprocess.run(words, capture_output=True, text=True, check=True, cwd=picture.ROOT)
    page = picture.PAGE.read_text()
    shown = page.split(picture.BEGIN)[1].split(picture.END)[0]
    assert shown == drawn.stdout, "out of date: make picture"


def test_an_arrow_counts_imports_between_rooms_alone() -> None:
    modules = {
        "receiver.engine.agenda": {
            "receiver.store.tasks",
            "receiver.engine.delivery",
            "routing.event",
        },
        "receiver.engine.delivery": {"receiver.store.tasks"},
        "receiver": set(),
    }
    assert picture.arrows(modules) == {("engine", "store"): 2, ("engine", "routing"): 1}


def test_every_floor_of_the_contract_is_there() -> None:
    rows = picture.floors()
    assert rows[0] == ["cli"]
    assert ["web", "slack", "intake"] in rows


def test_the_table_of_actions_is_that_of_the_registry() -> None:
    page = action_table.PAGE.read_text()
    assert action_table.with_table(page) == page, "out of date: make picture"
    assert "| `priority` | Override the priority and say why." in page
