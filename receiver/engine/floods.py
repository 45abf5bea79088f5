"""A sender's quota of new incidents: what is beyond it is folded into one incident of the sender.

Nothing is refused or lost by it. Which groups were folded is remembered in Redis before their
alerts are committed, and looked up after an end was committed to the group itself: whichever of two
replicas comes second sees what the other one did.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.http.principal import Principal
from receiver.notify.rate_budget import key_of
from receiver.observability.metrics.registry import Metrics
from receiver.store.floods import FloodStore
from receiver.store.records.record import is_open_record
from routing.event import AlertsReceived
from routing.flood import belongs, ended, flood_group, folded, is_minor
from routing.forgetting import is_needed
from routing.group import Group, Shards, group_stem
from routing.incident import Incident


class Quota(msgspec.Struct, frozen=True):
    """How many incidents (``per_minute``) a ``sender`` may open, in each of its clusters."""

    sender: str
    per_minute: int
    cluster: str = ""

    @property
    def key(self) -> str:
        """Return what the replicas count it by."""
        return key_of("openings", self.cluster, self.sender)


def quota_of(credential: Principal | None, cluster: str = "") -> Quota | None:
    """Return the quota of whoever sends with a credential, None for none."""
    if credential is None or not credential.incidents_per_minute:
        return None
    return Quota(credential.name, credential.incidents_per_minute, cluster)


class Floods:
    """Commits the events of senders that have a quota."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        store: FloodStore,
        metrics: Metrics,
        now: Callable[[], int],
        shards: Shards,
    ) -> None:
        """``now()`` gives the time in ms."""
        self._dispatcher = dispatcher
        self._store = store
        self._metrics = metrics
        self._now = now
        self._shards = shards

    async def commit(self, events: Sequence[AlertsReceived], quota: Quota | None) -> list[Outcome]:
        """Return what became of the events, in their own groups or a flood, once all is durable."""
        if quota is None or not quota.per_minute:
            return await self._dispatcher.commit(events)
        floods = await self._divide(events, quota)
        own = [event for event in events if event.key not in floods]
        taken = [event for event in events if event.key in floods]
        # The own group knows what is over, too: a late copy of it is no news there.
        over = [end for event in taken if (end := ended(event))]
        joined = self._joined(taken, floods)
        outcomes = await self._dispatcher.commit([*own, *over, *joined])
        return outcomes + await self._tell_floods([end for event in own if (end := ended(event))])

    async def _divide(self, events: Sequence[AlertsReceived], quota: Quota) -> dict[str, Group]:
        """Return the flood that takes an event, by the event's key; all others keep their own."""
        minor = [event for event in events if is_minor(event) and not self._is_open(event.key)]
        minor = await self._without_own(minor)
        if not minor:
            return {}
        known = await self._store.folded([event.key for event in minor])
        found = await self._going_on(known)
        rest = [event for event in minor if event.key not in found]
        stems = [event.key for event in rest]
        let = await self._store.take(quota.key, quota.per_minute, stems, self._now())
        beyond = [event for event in rest if event.key not in let]
        return found | await self._fold(beyond, flood_group(quota.cluster, quota.sender))

    async def _fold(self, events: Sequence[AlertsReceived], flood: Group) -> dict[str, Group]:
        if not events:
            return {}
        self._metrics.folded(await self._store.fold([event.key for event in events], flood))
        # Another replica may have committed the group's own incident, or its end, meanwhile.
        return {event.key: flood for event in await self._without_own(events)}

    async def _tell_floods(self, ends: Sequence[AlertsReceived]) -> list[Outcome]:
        """Tell what is over to the floods that took it, also from another replica just now."""
        if not ends:
            return []
        known = await self._store.folded([event.key for event in ends])
        told = [event for event in ends if event.key in known]
        return await self._dispatcher.commit(self._joined(told, known))

    def _joined(
        self, events: Iterable[AlertsReceived], floods: Mapping[str, Group]
    ) -> list[AlertsReceived]:
        """Return one event for each flood; ``floods``: the one that takes an event, by its key."""
        parts: dict[str, tuple[Group, list[AlertsReceived]]] = {}
        for event in events:
            group = floods[event.key]
            parts.setdefault(group_stem(group, self._shards), (group, []))[1].append(event)
        return [folded(part, group, self._shards) for group, part in parts.values()]

    def _is_open(self, stem: str) -> bool:
        """Return whether the group is known to have an open incident; False: nobody asked."""
        record = self._dispatcher.cache.get(stem)[1]
        return bool(record) and is_open_record(record)

    async def _without_own(self, events: Sequence[AlertsReceived]) -> list[AlertsReceived]:
        own = await self._newest(event.key for event in events)
        return [event for event in events if not belongs(event, own.get(event.key))]

    async def _going_on(self, floods: Mapping[str, Group]) -> dict[str, Group]:
        """Return those floods (by what they took) that are not over."""
        stems = {stem: group_stem(group, self._shards) for stem, group in floods.items()}
        needed = {stem for stem in set(stems.values()) if self._is_open(stem)}
        newest = await self._newest(set(stems.values()) - needed)
        needed |= {stem for stem, incident in newest.items() if is_needed(incident)}
        return {stem: group for stem, group in floods.items() if stems[stem] in needed}

    async def _newest(self, stems: Iterable[str]) -> dict[str, Incident]:
        """Return the newest incident of each group that has one."""
        names = await self._dispatcher.store.newest(stems)
        found = await self._dispatcher.store.read(names)
        return {name.rpartition("-")[0]: incident for name, incident in found.items()}
