"""Identity of a group, and the shard and id made from it."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.group import (
    Group,
    Shards,
    group_stem,
    is_kept,
    kept_groups,
    regroup,
    shard_of,
    split_id,
)

BASE = {"cluster": "eu", "receiver": "web", "group_key": '{}:{alertname="X"}', "route": "db"}
PART = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
GROUPS = st.builds(Group, cluster=PART, receiver=PART, group_key=PART, route=PART)


def group(**parts: Any) -> Group:
    return Group(**{**BASE, **parts})


def test_the_digest_is_the_same_in_every_release() -> None:
    # Keys and ids of stored incidents are made of it: another digest would orphan them all.
    assert group().digest() == "ac9be29a07573e57"
    assert group_stem(group(), 1) == "0-ac9be29a07573e57"
    assert group_stem(group(), 8) == "7-ac9be29a07573e57"


@pytest.mark.parametrize("part", list(BASE))
def test_every_part_of_the_identity_counts(part: str) -> None:
    assert group(**{part: "other"}).digest() != group().digest()


def test_labels_name_a_group_and_do_not_identify_it() -> None:
    assert group(labels={"alertname": "X"}).digest() == group().digest()


@settings(deadline=None)
@given(GROUPS, GROUPS)
def test_different_identities_never_run_together(one: Group, other: Group) -> None:
    # "a" + "bc" and "ab" + "c" are two groups.
    assert (one.digest() == other.digest()) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"cluster": "a", "route": "bc"}, {"cluster": "ab", "route": "c"}),
        ({"cluster": "eu", "receiver": "r"}, {"cluster": "e", "receiver": "ur"}),
        ({"cluster": "eu", "receiver": "r"}, {"cluster": "", "receiver": "eur"}),
        ({"route": "", "receiver": "x"}, {"route": "x", "receiver": ""}),
        ({"receiver": "web", "group_key": ""}, {"receiver": "", "group_key": "web"}),
    ],
)
def test_parts_do_not_run_into_each_other(one: dict[str, str], other: dict[str, str]) -> None:
    assert group(**one).digest() != group(**other).digest()


def test_regrouping_ignores_what_is_not_named() -> None:
    one = regroup("eu", "db", ("team",), {"team": "a", "instance": "1"})
    other = regroup("eu", "db", ("team",), {"team": "a", "instance": "2"})
    assert one.digest() == other.digest()
    assert one.labels == {"team": "a"}
    assert one.receiver == ""


def test_regrouping_by_a_label_that_is_missing_counts_as_empty() -> None:
    missing = regroup("eu", "db", ("team", "env"), {"team": "a"})
    assert missing == regroup("eu", "db", ("team", "env"), {"team": "a", "env": ""})
    assert missing.labels == {"team": "a", "env": ""}


def test_the_order_of_the_names_does_not_matter() -> None:
    labels = {"a": "1", "b": "2"}
    one, other = regroup("", "", ("a", "b"), labels), regroup("", "", ("b", "a"), labels)
    assert one.digest() == other.digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("eu", "db", ("a",), {"a": "1"}), ("us", "db", ("a",), {"a": "1"})),
        (("eu", "db", ("a",), {"a": "1"}), ("eu", "web", ("a",), {"a": "1"})),
        (("eu", "db", ("a",), {"a": "1"}), ("eu", "db", ("b",), {"b": "1"})),
        # Values that look like the encoding of others.
        (("", "", ("a", "b"), {"a": '1","b":"'}), ("", "", ("a", "b"), {"a": "1", "b": ""})),
        (("", "", ("a",), {"a": "1"}), ("", "", ("a", "b"), {"a": "1"})),
    ],
)
def test_regrouped_identities_differ(one: Any, other: Any) -> None:
    assert regroup(*one).digest() != regroup(*other).digest()


def test_grouping_by_nothing_is_one_group_for_the_route() -> None:
    assert regroup("eu", "db", (), {"a": "1"}) == regroup("eu", "db", (), {"b": "2"})


@settings(deadline=None)
@given(GROUPS, st.integers(1, 300), st.integers(1, 10**6))
def test_an_id_says_where_its_incident_is(found: Group, shards: int, generation: int) -> None:
    stem = group_stem(found, shards)
    shard, digest, number = split_id(f"{stem}-{generation}")
    assert (digest, number) == (found.digest(), generation)
    assert shard == shard_of(digest, shards)
    assert 0 <= shard < shards


def test_all_shards_are_used_evenly() -> None:
    counts = [0] * 8
    for number in range(4000):
        counts[shard_of(group(group_key=str(number)).digest(), 8)] += 1
    assert min(counts) > 400
    assert max(counts) < 600


def test_one_shard_needs_no_arithmetic() -> None:
    assert {shard_of(group(group_key=str(number)).digest(), 1) for number in range(50)} == {0}


GOOD = "0-ac9be29a07573e57-1"


def test_a_good_id_is_read() -> None:
    assert split_id(GOOD) == (0, "ac9be29a07573e57", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "--",
        "0-1",
        "0-0-1",
        "x-ac9be29a07573e57-1",
        "0-ac9be29a07573e57",
        "0-ac9be29a07573e57-",
        "-ac9be29a07573e57-1",
        "0-ac9be29a07573e57-1-2",
        "0-ac9be29a07573e5-1",
        "0-ac9be29a07573e577-1",
        f"0-ac9be29a07573e57-{'9' * 19}",
        f"0-ac9be29a07573e57-{'9' * 5_000}",
        f"{'9' * 5_000}-ac9be29a07573e57-1",
        "0-AC9BE29A07573E57-1",
        "0-ac9be29a07573e5g-1",
        "0-ac9be29a07573e5\n-1",
        "0-ac9be29a07573e57-1\n",
        "+0-ac9be29a07573e57-1",
        " 0-ac9be29a07573e57-1",
        "0-ac9be29a07573e57-1_0",
        "0-ac9be29a07573e57-\u0661",
        "\u00b2-ac9be29a07573e57-1",
        "0}-ac9be29a07573e57-1",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        split_id(text)


def test_generations_have_ids_of_their_own() -> None:
    ids = [f"{group_stem(group(), 4)}-{number}" for number in range(1, 12)]
    assert len(set(ids)) == 11
    assert all(split_id(one)[2] < split_id(other)[2] for one, other in pairwise(ids))


@settings(deadline=None)
@given(
    st.dictionaries(st.from_regex(r"[0-9a-f]{16}", fullmatch=True), st.integers(0, 1_023)),
    st.integers(1, 1_024),
    GROUPS,
)
def test_a_group_that_is_kept_is_where_it_was_and_all_others_where_their_digest_leads(
    places: dict[str, int], number: int, other: Group
) -> None:
    kept = kept_groups(places, number)
    shards = Shards(number, kept)
    assert {digest: shards.of(digest) for digest in places} == places
    if other.digest() not in places:
        assert group_stem(other, shards) == group_stem(other, number)
    assert is_kept(kept, 1_024)
    assert is_kept(kept + b"x", 1_024) is False


def test_of_a_million_groups_one_is_found_by_looking_at_twenty() -> None:
    places = {f"{number << 44:016x}": 1 for number in range(1 << 14)}
    kept = kept_groups(places, 2)
    assert len(kept) == 10 << 14
    assert Shards(2, kept).of(f"{5 << 44:016x}") == 1
    assert Shards(2, kept).of(f"{(5 << 44) + 1:016x}") == 1
    assert Shards(2, kept).of(f"{(5 << 44) + 2:016x}") == 0


def test_a_table_of_shards_that_there_are_not_is_none() -> None:
    kept = kept_groups({"0" * 16: 3, "f" * 16: 1}, 9)
    assert [is_kept(kept, number) for number in (3, 4)] == [False, True]
    assert is_kept(kept[10:] + kept[:10], 9) is False
