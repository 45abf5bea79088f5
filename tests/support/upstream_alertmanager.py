"""The Alertmanagers of the model in ``upstream``: how they join, group, repeat and forget.

Made from prometheus/alertmanager 0.34: Alert.Merge, provider/mem Put, aggrGroup.flush and run,
ClusterWaitStage, DedupStage, RetryStage and nflog.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.support.upstream import Copy, Delivery, M, S, World

PEER_TIMEOUT = 15 * S
MIN_TIMEOUT = 10 * S
ALERTS_GC = 30 * M
WARM_UP = 5 * M


class Kept(NamedTuple):
    """An alert as Alertmanager keeps it."""

    starts: int
    ends: int
    updated: int


class Entry(NamedTuple):
    """What the notification log says of the group."""

    at: int
    firing: frozenset[str]
    resolved: frozenset[str]


class Settings(NamedTuple):
    """Of the route."""

    group_wait: int
    group_interval: int
    repeat_interval: int


class Alertmanager:
    """One peer with one group."""

    def __init__(self, world: World, index: int, settings: Settings) -> None:
        self._world = world
        self.index = index
        self._settings = settings
        self.peers: list[Alertmanager] = []
        self.offset = 0
        self.alone = False
        self.up_since = 0
        self._store: dict[str, Kept] = {}
        self._group: dict[str, Kept] | None = None
        self._life = 0
        self._entry: Entry | None = None
        self._said: dict[str, list[tuple[int, int]]] = {}
        self._ups: list[tuple[int, int]] = [(0, 0)]
        world.after(ALERTS_GC, self._collect)

    @property
    def _clock(self) -> int:
        return self._world.now + self.offset

    # What it answers when asked: GET /api/v2/alerts leaves out what is resolved.
    def says_firing(self, name: str, at: int) -> bool:
        known = [ends for since, ends in self._said.get(name, ()) if since <= at]
        return bool(known) and known[-1] > at + self.offset

    def answers(self, at: int) -> tuple[bool, bool]:
        """Return whether it is up at a time, and old enough to know what is gone."""
        since, until = [life for life in self._ups if life[0] <= at][-1]
        # The first life began long before anything happened.
        return not until or at < until, since == 0 or at - since >= WARM_UP

    def restart(self, downtime: int) -> None:
        """Forget alerts and groups; the notification log is on disk."""
        self._life += 1
        self._store.clear()
        self._group = None
        for said in self._said.values():
            said.append((self._world.now, 0))
        self._ups[-1] = (self._ups[-1][0], self._world.now)
        self._ups.append((self._world.now + downtime, 0))

    def post(self, name: str, starts: int, ends: int) -> None:
        """POST /api/v2/alerts, with mem.Alerts.Put and Alert.Merge."""
        if self._world.now < self._ups[-1][0]:
            return
        new = Kept(starts, ends, self._clock)
        old = self._store.get(name)
        if old is not None and (
            old.starts < new.ends < old.ends or old.starts < new.starts < old.ends
        ):
            new = _merged(old, new, self._clock)
        self._store[name] = new
        self._said.setdefault(name, []).append((self._world.now, new.ends))
        if self._group is not None:
            self._group[name] = new
            return
        self._group = {name: new}
        old_enough = new.starts + self._settings.group_wait < self._clock
        self._tick(0 if old_enough else self._settings.group_wait, self._group)

    def _collect(self) -> None:
        self._world.after(ALERTS_GC, self._collect)
        for name in [key for key, one in self._store.items() if one.ends <= self._clock]:
            del self._store[name]

    def _tick(self, delay: int, group: dict[str, Kept]) -> None:
        life = self._life

        def fire() -> None:
            if life == self._life and group is self._group:
                self._flush(group)

        self._world.after(delay, fire)

    def _flush(self, group: dict[str, Kept]) -> None:
        began, life = self._world.now, self._life
        now = self._clock
        alerts = tuple(
            Copy(name, one.starts, one.ends if one.ends <= now else 0)
            for name, one in sorted(group.items())
        )
        updated = {name: one.updated for name, one in group.items()}
        wait = 0 if self.alone else self.index * PEER_TIMEOUT
        deadline = began + max(self._settings.group_interval, MIN_TIMEOUT) + wait

        def done(*, success: bool) -> None:
            if life != self._life:
                return
            if success:
                for copy in alerts:
                    if copy.ends and group[copy.fingerprint].updated == updated[copy.fingerprint]:
                        del group[copy.fingerprint]
                if not group:
                    self._group = None
                    return
            left = began + self._settings.group_interval - self._world.now
            self._tick(max(0, left), group)

        def dedup() -> None:
            if life != self._life:
                return
            firing = frozenset(copy.fingerprint for copy in alerts if not copy.ends)
            resolved = frozenset(copy.fingerprint for copy in alerts if copy.ends)
            if not self._needs_update(firing, resolved, now):
                done(success=True)
                return
            self._attempt(alerts, Entry(now, firing, resolved), deadline, 500, life, done)

        self._world.after(wait, dedup)

    def _needs_update(self, firing: frozenset[str], resolved: frozenset[str], now: int) -> bool:
        entry = self._entry
        if entry is None or entry.at + 2 * self._settings.repeat_interval < now:
            return bool(firing)
        if not firing <= entry.firing:
            return True
        if not firing:
            return bool(entry.firing)
        if not resolved <= entry.resolved:
            return True
        return entry.at < now - self._settings.repeat_interval

    def _attempt(
        self,
        alerts: tuple[Copy, ...],
        entry: Entry,
        deadline: int,
        backoff: int,
        life: int,
        done: Callable[..., None],
    ) -> None:
        world = self._world
        if life != self._life:
            return
        if world.now > deadline:
            done(success=False)
            return
        chance = world.chance
        delay = chance.randint(1, 300) if chance.random() < 0.8 else chance.randint(300, 14 * S)
        luck = 1.0 if world.calm else chance.random()
        if world.out() or luck < 0.1:
            delay, came = chance.randint(1, 2_000), False
        else:
            came = True
            world.delivered.append(Delivery(world.now + delay, world.now, self.index, alerts))
        if came and luck >= 0.2:

            def answered() -> None:
                if life == self._life:
                    self._log(entry._replace(at=self._clock))
                    done(success=True)

            world.after(delay, answered)
            return
        # Refused, lost, or the answer was: the same notification comes again.
        again = delay + int(backoff * chance.uniform(0.5, 1.5))
        later = min(int(backoff * 1.5), 60 * S)
        world.after(again, lambda: self._attempt(alerts, entry, deadline, later, life, done))

    def _log(self, entry: Entry) -> None:
        self.hear(entry)
        self.gossip()

    def hear(self, entry: Entry) -> None:
        if self._entry is None or entry.at >= self._entry.at:
            self._entry = entry

    def gossip(self) -> None:
        """Tell the peers, unless they are apart."""
        entry = self._entry
        for peer in self.peers if not self.alone and entry else ():
            delay = self._world.chance.randint(10, 1_500)
            self._world.after(delay, lambda peer=peer: peer.alone or peer.hear(entry))


def _merged(old: Kept, new: Kept, now: int) -> Kept:
    """Alert.Merge: the earliest start; the latest end, but an explicit one that is newer rules."""
    starts = min(old.starts, new.starts)
    if new.ends <= now:
        ends = max(old.ends, new.ends) if old.ends <= now else new.ends
    else:
        ends = max(old.ends, new.ends)
    return Kept(starts, ends, new.updated)


def says_firing(peers: Iterable[Alertmanager], name: str, at: int) -> bool:
    """Return whether any Alertmanager says that it fires."""
    return any(peer.says_firing(name, at) for peer in peers)
