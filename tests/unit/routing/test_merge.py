"""Merging: one incident goes on for several groups, and no alert is lost in between."""

import msgspec

from routing.actions.merge import news
from routing.decide import decide
from routing.event import MergeNews, TimerDue
from routing.incident_parts import Actor
from routing.person_event import Merged, Resolved
from tests.support.builders import MINUTE, NOW, rules
from tests.support.merging import World, firing, over

ANN = Actor("ann", "api")


def merged(world: World) -> tuple[str, str]:
    target, source = world.tell("t", firing("a")), world.tell("s", firing("b"))
    assert world.do(source, Merged(ANN, target)) == "merged_now"
    world.work()
    return target, source


def test_the_source_is_closed_and_the_target_knows_of_it() -> None:
    world = World()
    target, source = merged(world)
    assert world.states(target, source) == ["triggered", "resolved"]
    assert world.incidents[target].parts[source].firing == 1
    assert not [name for name, _ in world.observed if "resolution" in name]


def test_the_target_stays_open_until_nothing_fires_in_either() -> None:
    world = World()
    target, source = merged(world)
    world.tell("t", over("a"))
    assert world.states(target) == ["triggered"]
    world.tell("s", over("b"))
    world.work()
    assert world.states(target, source) == ["resolved", "resolved"]


def test_new_alerts_of_the_source_keep_quiet_there_and_count_for_the_target() -> None:
    world = World()
    target, source = merged(world)
    again = world.tell("s", firing("b"), firing("c"))
    assert again == source
    world.work()
    assert world.incidents[source].state == "resolved"
    assert world.incidents[target].parts[source].firing == 2


def test_a_more_urgent_part_raises_the_target() -> None:
    world = World()
    target = world.tell("t", firing("a", priority="P3"))
    source = world.tell("s", firing("b", priority="P1"))
    world.do(source, Merged(ANN, target))
    world.work()
    found = world.incidents[target]
    assert (found.priority, found.pages["slack"].reason) == ("P1", "priority_raised")


def test_what_is_over_when_its_target_is_gone_is_watched_no_more() -> None:
    world = World(rules(stale_after=60 * MINUTE))
    target, source = merged(world)
    world.tell("s", over("b"))
    assert "stale" in world.incidents[source].timers
    del world.incidents[target]
    world.work()
    assert (world.states(source), world.incidents[source].timers) == (["resolved"], {})


def test_what_the_target_still_counts_is_not_forgotten() -> None:
    world = World(rules(retention=60 * MINUTE))
    first, second, third = (world.tell(name, firing(name)) for name in "tsu")
    world.do(first, Merged(ANN, second))
    world.work()
    world.do(second, Merged(ANN, third))
    world.work()
    world.tell("s", over("s"))
    world.tell("u", over("u"))
    world.work()
    assert world.incidents[third].parts[second].firing == 1
    world.now += 70 * MINUTE
    forget = TimerDue("forget")
    kept = decide(world.incidents[second], forget, world.now, world.rules)
    assert (kept.reason, kept.forget) == ("kept", False)
    world.tell("t", over("t"))
    world.work()
    assert world.states(third) == ["resolved"]
    world.now += 70 * MINUTE
    assert decide(world.incidents[second], forget, world.now, world.rules).forget


def test_what_gets_worse_in_the_source_raises_the_target() -> None:
    world = World()
    target = world.tell("t", firing("a", priority="P3"))
    source = world.tell("s", firing("b", priority="P3"))
    world.do(source, Merged(ANN, target))
    world.work()
    # As many fire as before, but what fires now is worse.
    world.tell("s", over("b", priority="P3"), firing("c", priority="P1"))
    world.work()
    assert world.incidents[target].pages["slack"].reason == "priority_raised"
    world.tell("s", firing("b", priority="P3", starts_at=NOW), over("c", priority="P1"))
    world.work()
    assert world.incidents[target].priority == "P3"


def test_what_gets_worse_while_the_target_is_told_is_told_again() -> None:
    world = World()
    target = world.tell("t", firing("a", priority="P3"))
    source = world.tell("s", firing("b", priority="P3"))
    world.do(source, Merged(ANN, target))
    told = news(world.incidents[source])
    world.do(target, told)
    world.tell("s", over("b", priority="P3"), firing("c", priority="P1"))
    world.do(source, TimerDue("merge", told=told.firing, told_priority=told.priority))
    world.work()
    assert world.incidents[target].priority == "P1"


def test_what_gets_worse_reopens_a_target_that_a_person_resolved() -> None:
    world = World()
    target = world.tell("t", firing("a", priority="P3"))
    source = world.tell("s", firing("b", priority="P3"))
    world.do(source, Merged(ANN, target))
    world.work()
    world.do(target, Resolved(ANN))
    world.tell("s", over("b", priority="P3"), firing("c", priority="P1"))
    world.work()
    found = world.incidents[target]
    assert (found.state, found.priority, found.episode) == ("triggered", "P1", 1)


def test_a_part_that_fires_again_reopens_the_target_and_later_stands_alone() -> None:
    world = World()
    target, source = merged(world)
    world.tell("t", over("a"))
    world.tell("s", over("b"))
    world.work()
    world.now += 10 * MINUTE
    world.tell("s", firing("b", starts_at=NOW + MINUTE))
    world.work()
    assert world.states(target, source) == ["triggered", "resolved"]
    world.tell("s", over("b", starts_at=NOW + MINUTE))
    world.work()
    world.now += 40 * MINUTE
    alone = world.tell("s", firing("b", starts_at=NOW + 2 * MINUTE))
    assert alone != source
    assert world.states(alone) == ["triggered"]


def test_a_chain_of_merges_ends_at_the_last_target() -> None:
    world = World()
    first, second = merged(world)
    third = world.tell("u", firing("c"))
    world.do(first, Merged(ANN, third))
    world.work()
    assert world.incidents[third].parts[first].firing == 2
    world.tell("u", over("c"))
    world.tell("t", over("a"))
    world.work()
    assert world.states(third) == ["triggered"]
    world.tell("s", over("b"))
    world.work()
    assert world.states(first, second, third) == ["resolved"] * 3


def test_a_target_that_is_forgotten_gives_its_part_back() -> None:
    world = World()
    target, source = merged(world)
    del world.incidents[target]
    world.tell("s", firing("b"), firing("c"))
    world.work()
    assert (world.states(source), world.incidents[source].merged_into) == (["triggered"], "")


def test_merging_twice_or_into_itself_changes_nothing() -> None:
    world = World()
    target, source = merged(world)
    assert world.do(source, Merged(ANN, target)) == "already_merged"
    assert world.do(source, Merged(ANN, "0-cccccccccccccccc-1")) == "merged"
    assert world.do(target, Merged(ANN, target)) == "merged"
    closed = world.tell("x", firing("x"))
    world.tell("x", over("x"))
    assert world.do(closed, Merged(ANN, target)) == "already_resolved"


def test_telling_it_twice_is_telling_it_once() -> None:
    world = World()
    target, source = merged(world)
    told = news(world.incidents[source])
    before = world.incidents[target]
    assert world.do(target, told) == "repeat"
    assert world.incidents[target] == before
    assert isinstance(told, MergeNews)
    assert msgspec.structs.asdict(told)["firing"] == 1
