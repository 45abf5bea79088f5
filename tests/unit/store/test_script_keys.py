"""The keys of scripts: Python names them in the order in which Lua reads them."""

import re
from pathlib import Path

import pytest

import receiver.store.redis
from receiver.store.keys import Keys
from receiver.store.script_keys import FIXED, fixed, places
from routing.vocabulary import Lane

SCRIPTS = Path(receiver.store.redis.__file__).parent / "scripts"
COUNTED_THROUGH = {"reindex": {"open", "closed", "published", "unreached", "due_normal"}}
"""Indexes in the order of their scores, and the lanes between the first and the last."""
OWN = {"day": "D", "response": "R", "key": "X", "kept": "Y", "group": "G", "block": "B"}


@pytest.mark.parametrize("script", sorted(FIXED))
def test_a_script_reads_each_key_by_its_name_and_no_other(script: str) -> None:
    text = (SCRIPTS / f"{script}.lua").read_text()
    used = set(re.findall(r"\bK\.(\w+)", text))
    assert used | COUNTED_THROUGH.get(script, set()) == set(FIXED[script])
    by_number = re.findall(r"KEYS\[\d+\]", text)
    assert by_number == []


@pytest.mark.parametrize("script", sorted(FIXED))
def test_a_call_names_each_key_where_the_script_reads_it(script: str) -> None:
    keys = Keys(3)
    names = fixed(script, keys, **{name: OWN[name] for name in OWN if name in FIXED[script]})
    assert len(set(names)) == len(names)
    for name, place in re.findall(r"(\w+) = (\d+)", places(script)):
        wanted = OWN.get(name) or keys.named[name]
        assert names[int(place) - 1] == wanted
    assert places(script).endswith(f"}}, {len(names)}\n")


def test_a_key_that_nobody_gives_is_no_key() -> None:
    with pytest.raises(KeyError, match="day"):
        fixed("commit_decisions", Keys(0))


def test_lanes_lie_side_by_side_in_the_order_that_tells_them_apart() -> None:
    names = fixed("reindex", Keys(0))
    assert names[-len(Lane) :] == [Keys(0).due[lane] for lane in Lane]


def test_a_script_without_a_list_is_left_as_it_is() -> None:
    assert places("take_budget") == ""


def test_scripts_that_take_several_fixed_keys_have_a_list() -> None:
    for path in SCRIPTS.glob("*.lua"):
        numbers = {int(number) for number in re.findall(r"KEYS\[(\d+)\]", path.read_text())}
        assert max(numbers, default=0) <= 2, path.name
