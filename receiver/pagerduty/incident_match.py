"""Which of our incidents a PagerDuty incident stands for, and what PagerDuty has of each.

One PagerDuty incident may group several of ours. Ours is only what a notifier's receipt says that
we sent: the same dedup_key from elsewhere, such as a twin of this service, is somebody else's.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

import msgspec

from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.pagerduty.incident_map import PagerDutyMap
from receiver.pagerduty.receipt import STATE, AlertKey
from receiver.pagerduty.rest_api import NoAnswer, PagerDutyRest
from receiver.pagerduty.webhook_payload import Told, is_key, split_key
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import Task, TaskStore
from routing.incident import Incident
from routing.receipt import Receipt

FOREIGN_MS = 60_000
"""How long an incident that held none of our alerts is not asked about again."""
FOREIGN_MAX = 2_000
_RANK = {"": 0, "triggered": 1, "acknowledged": 2, "resolved": 3}
_STATES = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


class Match(msgspec.Struct, frozen=True):
    """One incident of ours in a PagerDuty incident, with the alerts it has there.

    ``holders``: the notifiers whose receipts hold them. There are several only when the same page
    went to several services and it is not known which of them this is.
    """

    incident: Incident
    holders: Mapping[str, tuple[AlertKey, ...]]

    @property
    def notifier(self) -> str:
        """Return through which notifier we paged there, "" where that is not known."""
        return next(iter(self.holders)) if len(self.holders) == 1 else ""

    @property
    def episode(self) -> int:
        """Return the episode the alerts are of; an older one is not the incident's any more."""
        return max(key.episode for keys in self.holders.values() for key in keys)

    def is_sent(self, state: str) -> bool:
        """Return whether we have brought the alerts to this state, or beyond."""
        return any(
            all(_RANK.get(key.state, 0) >= _RANK[state] for key in keys)
            for keys in self.holders.values()
        )


class PagerDutyOrigin:
    """Finds our incidents behind a PagerDuty incident."""

    def __init__(
        self,
        known: PagerDutyMap,
        store: IncidentStore,
        tasks: TaskStore,
        clock: Clock,
        notifiers: Iterable[str],
        rest: PagerDutyRest | None = None,
    ) -> None:
        """``notifiers``: the names of those of PagerDuty; ``rest``: None without a token."""
        self._known = known
        self._store = store
        self._tasks = tasks
        self._clock = clock
        self._notifiers = frozenset(notifiers)
        self._rest = rest
        self._foreign: OrderedDict[str, int] = OrderedDict()

    async def find(self, told: Told) -> list[Match]:
        """Return our incidents in the PagerDuty incident; none when it is not one of ours.

        What is learned is kept. StoreUnavailableError: it cannot be known now, try again.
        """
        known = await self._known.claims(told.incident)
        claimed = set(told.claims)
        if not (told.what == "triggered" and claimed):
            claimed |= await self._ask(told.incident, sure=bool(known | claimed))
        matches = await self._match(known | claimed)
        ours = {match.incident.id for match in matches}
        new = {claim for claim in claimed - known if split_key(_key(claim))[0] in ours}
        await self._known.learn(told.incident, new)
        if not matches:
            # It counts from when it was asked about, however often it is told of.
            self._foreign.setdefault(told.incident, self._clock.now())
            while len(self._foreign) > FOREIGN_MAX:
                self._foreign.popitem(last=False)
        return matches

    async def merge(self, source: str, target: str) -> None:
        """Remember that PagerDuty has moved the alerts of one of its incidents to another."""
        await self._known.learn(target, await self._known.claims(source))

    async def note(self, match: Match, state: str, episode: int | None = None) -> None:
        """Note in the receipt that PagerDuty has the alerts in this state, which it told us.

        ``episode``: they are of that one from now on, because PagerDuty reopened its incident.
        """
        if not match.notifier:
            return
        names = {key.dedup_key for key in match.holders[match.notifier]}
        now = self._clock.now()

        def told(key: AlertKey) -> AlertKey:
            if key.dedup_key not in names:
                return key
            return msgspec.structs.replace(
                key,
                state=state,
                at=now,
                confirmed=state != "triggered",
                episode=key.episode if episode is None else episode,
            )

        await self._rewrite(match.incident, match.notifier, told)

    async def _ask(self, incident: str, *, sure: bool) -> set[str]:
        """Ask PagerDuty what an incident holds; it may have grouped more since it was opened."""
        if self._rest is None:
            return set()
        asked_at = self._foreign.pop(incident, None)
        if asked_at is not None and not sure and abs(self._clock.now() - asked_at) < FOREIGN_MS:
            self._foreign[incident] = asked_at
            return set()
        answer = await self._rest.dedup_keys(incident)
        if not isinstance(answer, NoAnswer):
            return {key for key in answer if is_key(key)}
        if answer.passing and not sure:
            raise StoreUnavailableError(f"what {incident} holds is not known: {answer.reason}")
        return set()

    async def _match(self, claims: set[str]) -> list[Match]:
        wanted: dict[str, set[str]] = {}
        for claim in claims:
            wanted.setdefault(split_key(_key(claim))[0], set()).add(claim)
        found = [await self._match_one(name, wanted[name]) for name in sorted(wanted)]
        return [match for match in found if match is not None]

    async def _match_one(self, name: str, claims: set[str]) -> Match | None:
        try:
            incident = await self._store.load(name)
        except ValueError:
            return None
        if incident is None:
            return None
        named = {claim.partition("@")[2] for claim in claims} - {""}
        wanted = {_key(claim) for claim in claims}
        holders = {}
        for notifier, receipt in (await self._tasks.receipts(name)).items():
            held = tuple(key for key in _keys(receipt) if key.dedup_key in wanted)
            if held and notifier in self._notifiers and (not named or notifier in named):
                holders[notifier] = held
        return Match(incident, holders) if holders else None

    async def _rewrite(
        self, incident: Incident, notifier: str, change: Callable[[AlertKey], AlertKey]
    ) -> None:
        """Change the keys of a receipt, whoever else may be at it: a clash is done again."""
        task = Task(incident.id, f"notify:{notifier}", incident.lane, "-", 0, 0, 0)
        while True:
            receipt = (await self._tasks.receipts(incident.id)).get(notifier)
            if receipt is None:
                return
            known = _held(receipt)
            keys = tuple(map(change, known))
            if keys == known:
                return
            changed = STATE.with_keys(receipt, keys)
            # No lease has this token: the receipt is saved, and nobody's lease is touched.
            settled = await self._tasks.settle(task, "hold", self._clock.now(), receipt=changed)
            if not settled.clash:
                return


def _key(claim: str) -> str:
    return claim.partition("@")[0]


def _held(receipt: Receipt) -> tuple[AlertKey, ...]:
    """Return the alerts of a receipt; none of one that cannot be read."""
    return STATE.of(receipt).keys if STATE.reads(receipt) else ()


def _keys(receipt: Receipt) -> list[AlertKey]:
    """Return the alerts of a receipt as they will be once what is under way has arrived."""
    keys = {key.dedup_key: key for key in _held(receipt)}
    attempt = receipt.attempt
    if attempt is not None and attempt.key and is_key(attempt.key):
        known = keys.get(attempt.key)
        if known is None:
            known = AlertKey(attempt.key, attempt.seq, split_key(attempt.key)[1])
        sent = _STATES.get(attempt.what, "")
        if _RANK[sent] > _RANK.get(known.state, 0):
            known = msgspec.structs.replace(known, state=sent)
        keys[attempt.key] = known
    return list(keys.values())
