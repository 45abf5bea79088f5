"""Histories of the model in ``upstream``: who is there, what is true, and what goes wrong."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.support.upstream import T0, Delivery, M, Prometheus, S, World
from tests.support.upstream_alertmanager import Alertmanager, Settings

ACTIVE = 30 * M
"""How long things happen, and everything may go wrong."""
SETTLED = T0 + ACTIVE + 100 * M
"""When the judge looks: clocks that were an hour ahead have been caught up with."""
OFFSETS = (0, 0, 0, 0, 0, 1 * S, -2 * S, 20 * S, -20 * S, 90 * S, -90 * S, 10 * M, 60 * M, -2 * M)


class History(NamedTuple):
    """What was sent, and what the Alertmanagers say at any time."""

    seed: int
    names: tuple[str, ...]
    delivered: tuple[Delivery, ...]
    peers: tuple[Alertmanager, ...]
    group_interval: int


def history(seed: int) -> History:
    """Return one history; the same for the same seed."""
    chance = random.Random(seed)
    world = World(chance)
    world.calm_from = T0 + ACTIVE
    names = tuple("abc"[: chance.choice((1, 1, 1, 2, 3))])
    interval = chance.choice((10 * S, M, 5 * M))
    settings = Settings(
        chance.choice((0, 5 * S, 30 * S)), interval, chance.choice((30 * M, 4 * 60 * M))
    )
    peers = [Alertmanager(world, index, settings) for index in range(2)]
    for peer in peers:
        peer.peers = [other for other in peers if other is not peer]
        peer.offset = chance.choice((0, 0, 0, S, -S, 5 * S, -5 * S))
    truth = {name: _turns(chance, ACTIVE) for name in names}
    proms = []
    for _ in range(chance.randint(1, 3)):
        blind = _spells(chance)

        def sees(name: str, blind: Sequence[tuple[int, int]] = blind) -> bool:
            hidden = any(since <= world.now < until for since, until in blind)
            return _is_true(truth[name], world.now) and not hidden

        prom = Prometheus(world, chance.choice((15 * S, 30 * S, M)), sees, names)
        prom.alertmanagers = peers
        prom.offset = chance.choice(OFFSETS)
        prom.start()
        proms.append(prom)
    for _ in range(chance.randint(0, 5)):
        world.after(chance.randrange(ACTIVE), _trouble(world, proms, peers))
    world.notifier_health = [
        (T0 + at, T0 + at + chance.randint(S, 8 * M)) for at in _times(chance, 2)
    ]
    world.notifier_health = [
        (since, min(until, world.calm_from)) for since, until in world.notifier_health
    ]
    world.after(ACTIVE, lambda: _heal(proms, peers))
    world.run(SETTLED)
    return History(seed, names, tuple(world.delivered), tuple(peers), interval)


def _times(chance: random.Random, most: int) -> list[int]:
    return [chance.randrange(ACTIVE) for _ in range(chance.randint(0, most))]


def _turns(chance: random.Random, until: int) -> list[int]:
    """Return when it becomes true, false, true ..."""
    turns, at = [], chance.randrange(3 * M)
    while at < until:
        turns.append(T0 + at)
        at += chance.choice((20 * S, M, 3 * M, 6 * M, 15 * M)) + chance.randrange(M)
    return turns


def _is_true(turns: Sequence[int], at: int) -> bool:
    return sum(turn <= at for turn in turns) % 2 == 1


def _spells(chance: random.Random) -> list[tuple[int, int]]:
    if chance.random() < 0.6:
        return []
    return [(T0 + at, T0 + at + chance.randint(20 * S, 6 * M)) for at in _times(chance, 3)]


def _trouble(
    world: World, proms: list[Prometheus], peers: list[Alertmanager]
) -> Callable[[], None]:
    """Return something that goes wrong, and may go right again by itself."""
    chance = world.chance
    prom, peer = chance.choice(proms), chance.choice(peers)
    for_how_long = chance.randint(30 * S, 12 * M)

    def step() -> None:
        prom.offset = chance.choice(OFFSETS)

    def crash() -> None:
        prom.crash(chance.randint(5 * S, 8 * M))

    def restart() -> None:
        peer.restart(chance.randint(3 * S, 2 * M))

    def part() -> None:
        for one in peers:
            one.alone = True
        world.after(for_how_long, join)

    def join() -> None:
        for one in peers:
            one.alone = False
        for one in peers:
            one.gossip()

    def cut() -> None:
        prom.cut_off.add(peer.index)
        world.after(for_how_long, lambda: prom.cut_off.discard(peer.index))

    return chance.choice((step, step, crash, restart, part, cut))


def _heal(proms: list[Prometheus], peers: list[Alertmanager]) -> None:
    for prom in proms:
        prom.down = False
        prom.cut_off.clear()
    for peer in peers:
        peer.alone = False
    for peer in peers:
        peer.gossip()


def in_order(told: History, order: int) -> list[Delivery]:
    """Return the deliveries as they arrive; order 0: as in the model, others: sooner.

    An Alertmanager sends one notification of a group at a time and notes what was answered, so each
    may come at any time between its sending and its answer, and the peers overtake each other.
    """
    chance = random.Random(told.seed * 1_000 + order)
    found = [
        one._replace(at=chance.randint(one.sent, one.at)) if order else one
        for one in told.delivered
    ]
    return sorted(found)
