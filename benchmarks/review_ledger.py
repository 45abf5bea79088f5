"""What happens to simulated incidents, and what a review has to say of it, worked out apart."""

import random
from typing import Any

import msgspec

EPISODES = 4
# Seconds to acknowledge and to resolve: elapsed, so that the ledger needs no calendar.
WITHIN = {"P1": (300, 1_800), "P3": (3_600, 5_400)}
PEOPLE = ("Ann", "Bob", "Eve")


class Act(msgspec.Struct, frozen=True):
    """At ``at`` (seconds after the start) somebody does something, or alerts come."""

    at: int
    what: str
    by: str = ""
    more: dict[str, Any] = {}


class Spell(msgspec.Struct):
    """One episode in the ledger; times in seconds, clocks as (name, due, outcome, at)."""

    opened: int
    taken: int | None = None
    by: str = ""
    ended: int | None = None
    ended_by: str = ""
    cause: str = ""
    clocks: list[tuple[str, int, str, int]] = []


class Ledger:
    """Works out what a review has to say of a list of acts."""

    def __init__(self, acts: list[Act]) -> None:
        self.spells: list[Spell] = []
        self.people: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._since: dict[str, int] = {}
        self._priority = "P1"
        for act in acts:
            self._pass(act.at)
            getattr(self, f"_{act.what}")(act)
            if act.by and act.what != "item":
                self.people[act.by] = self.people.get(act.by, 0) + 1

    def _pass(self, at: int) -> None:
        for name, due in list(self._running.items()):
            if due <= at:
                self.spells[-1].clocks.append((name, due, "missed", due))
                del self._running[name]

    def _run(self, name: str, at: int) -> None:
        self._since[name] = at
        self._running[name] = at + WITHIN[self._priority][name == "resolve"]

    def _settle(self, name: str, outcome: str, at: int) -> None:
        if name in self._running:
            self.spells[-1].clocks.append((name, self._running.pop(name), outcome, at))

    def _fire(self, act: Act) -> None:
        self._priority = "P1"
        self.spells.append(Spell(act.at, clocks=[]))
        self._run("acknowledge", act.at)

    def _acknowledge(self, act: Act) -> None:
        if self.spells[-1].taken is None:
            self.spells[-1].taken, self.spells[-1].by = act.at, act.by
        self._settle("acknowledge", "met", act.at)
        self._run("resolve", act.at)

    def _unacknowledge(self, act: Act) -> None:
        self._running.pop("resolve", None)
        self._run("acknowledge", act.at)

    def _priority_to(self, act: Act) -> None:
        rises = act.more["priority"] < self._priority
        self._priority = act.more["priority"]
        if rises:
            self._unacknowledge(act)
        for name in self._running:
            within = WITHIN[self._priority][name == "resolve"]
            self._running[name] = max(act.at, self._since[name] + within)

    def _note(self, _act: Act) -> None:
        """Nothing but a line, and somebody who was there."""

    def _item(self, _act: Act) -> None:
        """Nothing but a line and an action item."""

    def _resolve(self, act: Act) -> None:
        self._end(act, "met")
        self.spells[-1].ended_by, self.spells[-1].cause = act.by, act.more.get("cause", "")

    def _calm(self, act: Act) -> None:
        self._end(act, "not needed")

    def _end(self, act: Act, acknowledge: str) -> None:
        self.spells[-1].ended = act.at
        self._settle("acknowledge", acknowledge, act.at)
        self._settle("resolve", "met", act.at)


def plan(chance: random.Random) -> list[Act]:
    """Return what happens to one incident; nothing happens in the second of a deadline."""
    acts: list[Act] = []
    at = chance.randint(0, 600)

    def then(what: str, by: str = "", **more: Any) -> None:
        nonlocal at
        at += chance.choice((7, 41, 97, 203, 411, 1_013)) + chance.randint(0, 3)
        acts.append(Act(at, what, by, more))

    for episode in range(EPISODES):
        then("fire")
        if chance.random() < 0.85:
            then("acknowledge", chance.choice(PEOPLE))
            then("note", chance.choice(PEOPLE), text=f"saw {episode}: | <b> {at}")
            if chance.random() < 0.5:
                then("priority_to", chance.choice(PEOPLE), priority="P3", reason="looks small")
                if chance.random() < 0.5:
                    then("priority_to", chance.choice(PEOPLE), priority="P1", reason="is not")
                    then("acknowledge", chance.choice(PEOPLE))
            elif chance.random() < 0.5:
                then("unacknowledge", chance.choice(PEOPLE))
                then("acknowledge", chance.choice(PEOPLE))
        if chance.random() < 0.5:
            then("resolve", chance.choice(PEOPLE), cause=f"cause {episode}: a | b")
        else:
            then("calm")
    then("item", "Ann", text="Alert earlier", owner="Bob")
    return acts
