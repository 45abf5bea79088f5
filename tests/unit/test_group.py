"""Identity of groups, and the ids made of it."""

import pytest

from routing.group import Group, group_stem, regroup, shard_of, split_id


def test_each_part_of_the_identity_counts_and_none_runs_into_another() -> None:
    groups = [
        Group("eu", "r", "key"),
        Group("us", "r", "key"),
        Group("eu", "other", "key"),
        Group("eu", "r", "key2"),
        Group("eu", "r", "key", route="0"),
        Group("e", "ur", "key"),
        Group("", "eur", "key"),
    ]
    assert len({group.digest() for group in groups}) == len(groups)
    assert Group("eu", "r", "key", labels={"a": "b"}).digest() == groups[0].digest()


def test_regrouping_is_by_the_named_labels_alone() -> None:
    one = regroup("eu", "0", ("service", "dc"), {"service": "a", "instance": "1"})
    two = regroup("eu", "0", ("dc", "service"), {"service": "a", "dc": "", "instance": "2"})
    other = regroup("eu", "0", ("service", "dc"), {"service": "b"})
    assert one.digest() == two.digest() != other.digest()
    assert one.labels == {"service": "a", "dc": ""}


def test_groups_spread_over_the_shards() -> None:
    digests = [Group("", "", str(number)).digest() for number in range(400)]
    counts = [sum(shard_of(digest, 4) == shard for digest in digests) for shard in range(4)]
    assert min(counts) > 50
    assert {shard_of(digest, 1) for digest in digests} == {0}


def test_an_id_tells_where_its_incident_is() -> None:
    group = Group("eu", "r", "key")
    stem = group_stem(group, 8)
    shard, digest, generation = split_id(f"{stem}-3")
    assert (shard, digest, generation) == (shard_of(group.digest(), 8), group.digest(), 3)


@pytest.mark.parametrize(
    "text",
    ["", "0-1", "0-0123456789abcdef", "x-0123456789abcdef-1", "0-0123456789ABCDEF-1", "0-0-1"],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"incident id|unpack"):
        split_id(text)
