"""How many shards a backup goes through: what says none of our numbers is one."""

import pytest

from receiver.upkeep.backup import shards_of


@pytest.mark.parametrize(("layout", "shards"), [("1", 1), ("4", 4), ("1024 2", 1024), ("8 2 x", 8)])
def test_the_layout_says_how_many(layout: str, shards: int) -> None:
    assert shards_of(layout) == shards


@pytest.mark.parametrize("layout", ["", "junk", "0", "²", "-4", "1025", "9" * 12, "9" * 5_000])
def test_what_is_no_number_of_shards_is_one(layout: str) -> None:
    assert shards_of(layout) == 1
