"""The counts of ``make house``: each is short where it should be."""

from pathlib import Path

import pytest

from benchmarks import house


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("receiver/room", "routing", "tests"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "receiver" / "one.py").write_text("def short():\n    return 1\n")
    (tmp_path / "CONTRIBUTING.md").write_text("```files enricher\n+new.py\nreceiver/one.py\n```\n")
    return tmp_path


def _short(checks: object) -> list[str]:
    return [one.name for one in checks if not one.good]  # type: ignore[attr-defined]


def test_a_small_house_is_well(tree: Path) -> None:
    assert _short(house.rooms(tree)) == []
    assert _short(house.lengths(tree)) == []


def test_what_grows_too_large_is_short(tree: Path) -> None:
    for number in range(house.IN_A_ROOM + 1):
        (tree / "receiver" / f"loose{number}.py").write_text("")
        (tree / "receiver" / "room" / f"full{number}.py").write_text("")
    assert _short(house.rooms(tree)) == [
        "loose modules in receiver/",
        "modules in the fullest room",
    ]
    lines = "    x = 1\n" * house.FILE_P95
    (tree / "routing" / "long.py").write_text(f"def long():\n{lines}")
    long = list(house.lengths(tree))
    assert "long.py: long" in long[0].figure
    assert not long[0].good


def test_an_example_counts_the_files_that_are_there(tree: Path) -> None:
    found = {one.name: one for one in house.examples(tree)}
    assert found["files of a new enricher"].figure == "1 existing"
    assert found["files of a new notifier"].figure == "no example"
    (tree / "receiver" / "one.py").unlink()
    assert "files of a new enricher" in _short(house.examples(tree))


def test_tests_are_weighed_against_code(tree: Path) -> None:
    assert _short(house.tests(tree)) == ["test to code"]
    (tree / "tests" / "test_one.py").write_text("assert 1\n" * 3)
    assert _short(house.tests(tree)) == []
