"""Every key name in Redis. All keys of a shard share a hash tag, so a script call stays in a slot.

What has no shard (``im:...``) has a slot of its own: a command or transaction is about one of them.

| key | type | content |
| --- | --- | --- |
| ``g:<digest>`` | string | generation of the group's current incident |
| ``i:<id>`` | string | 16 digits of version, then the incident as JSON (see ``large``) |
| ``t:<id>`` | list | timeline entries as JSON; an entry's number is its index + 1 |
| ``r:<id>`` | hash | notifier -> receipt (8 digits of revision, then JSON) |
| ``e:<event id>`` | string | an event that was applied, kept as long as it may be repeated |
| ``open`` | zset | ids of open incidents by urgency and opening (see ``order``) |
| ``closed`` | zset | ids of closed incidents by end |
| ``published`` | zset | incident ids on the status page by its end there, or ``inf`` |
| ``unreached`` | zset | ids of open incidents that nobody could be told of, by since when |
| ``items`` | zset | ``<id>|<number>`` of open action items by their day (see ``items``) |
| ``items:begun`` | string | says that the index of action items is made of all records |
| ``due:<lane>`` | zset | ``<id>|<task>`` by the time it may be claimed |
| ``task`` | hash | ``<id>|<task>`` -> want, lease token, not-before |
| ``seen`` | hash | incident id -> last time a payload repeated what was known |
| ``active`` | hash | ``severity|state|priority`` -> number of open incidents |
| ``dead`` | list | dead letters, newest first |
| ``pd:<id>`` | set | dedup_keys of ours that a PagerDuty incident holds |
| ``im:budget:<name>`` | hash | when the next call may be made, and who waits (``take_budget``) |
| ``im:folded:<stem>`` | string | the flood that took a group's alerts (see ``floods``) |
| ``im:quota:<sender>`` | zset | groups by when their sender was let open an incident |
| ``im:hints`` | zset | ``kind|name`` by when it was seen last (see ``hints``) |
| ``im:session:<digest>`` | string | who logged in, as JSON (see ``logins``) |
| ``im:sessions:<digest>`` | zset | somebody's sessions by their end |
| ``im:token:<digest>`` | string | whose API token it is, as JSON (see ``login.tokens``) |
| ``im:tokens:<digest>`` | zset | somebody's API tokens by their end |
| ``im:device:<digest>`` | string | who logged in with a browser before |
| ``im:callback:<digest>`` | string | a single sign-on that was ended |
| ``im:attempts:<digest>`` | hash | failed logins in a row (see ``logins``) |
| ``im:credentials`` | hash | when credentials were known and used (see ``logins``) |
| ``im:turn:<name>`` | string | until when a process does something for all (see ``turns``) |
| ``im:tried:<digest>`` | string | what came of trying a notifier (see ``tries``) |
| ``im:request:<digest>`` | string | what was asked for under a key (see ``request_keys``) |
| ``im:kept`` | string | groups that began when there were fewer shards (``routing.group``) |
| ``im:clock`` | string | how the service's time follows from Redis's (``reference``) |
| ``day:<date>`` | hash | figures of a day: ``name|labels`` -> number (see ``figures``) |
| ``response:<date>`` | hash | how incidents of a day were answered (see ``response.fields``) |
| ``total`` | hash | the same since the data began, by metric (see ``response_totals``) |
| ``damaged`` | hash | place -> what was found there that cannot be read (see ``register``) |
| ``damaged:<place>`` | as it was | what was there, kept as it is to be repaired |
| ``maintenance`` | hash | id -> planned maintenance as JSON (see ``status.maintenance``) |
| ``status`` | hash | the status page's key, and since when it knows what (see ``status.state``) |
| ``feed`` | stream | ids of what each of the newest commits changed (see ``feed``) |
| ``heal`` | set | what has to be made anew from the records (see ``healing``) |
| ``audit`` | list | the latest rows of the audit trail (see ``audit.entry``) |
| ``audit:<block>`` | string | rows before them, a thousand, compressed (see ``audit.entries``) |
| ``chain`` | hash | where the audit trail ends, what is packed and what was removed of it |
| ``fence`` | hash | process -> number and time of its last commit; ``data``: a mark (``fence``) |
"""

from routing.group import split_id
from routing.vocabulary import Lane

PREFIX = "im"
VERSION_DIGITS = 16
REVISION_DIGITS = 8
NUMBER_DIGITS = 18
"""What is longer no release has written; of thousands of digits Python makes no number."""
TIME_MAX = 253_402_300_799_999
"""The last time (ms) that has a date: the end of the year 9999."""
LAYOUT = f"{PREFIX}:layout"
"""Holds the shard count the data was written with; another count is refused."""

KEPT = f"{PREFIX}:kept"
"""Holds which groups stay where they began when there were fewer shards (``reshard``)."""

REFERENCE = f"{PREFIX}:clock"
"""Holds how all replicas get their time from Redis's."""

CREDENTIALS = f"{PREFIX}:credentials"
"""Holds when each credential was used."""

HINTS = f"{PREFIX}:hints"
"""Holds what senders do that the configuration knows nothing of."""


def turn(name: str) -> str:
    """Return the key of a turn at what one process does for all."""
    return f"{PREFIX}:turn:{name}"


def tried(digest: str) -> str:
    """Return the key of what came of trying a notifier as it is configured."""
    return f"{PREFIX}:tried:{digest}"


class Keys:
    """Key names of one shard."""

    def __init__(self, shard: int) -> None:
        base = f"{PREFIX}:{{{shard}}}:"
        self._base = base
        self.shard = shard
        self.open = f"{base}open"
        self.closed = f"{base}closed"
        self.due = {lane: f"{base}due:{lane}" for lane in Lane}
        self.task = f"{base}task"
        self.seen = f"{base}seen"
        self.active = f"{base}active"
        self.published = f"{base}published"
        self.unreached = f"{base}unreached"
        self.items = f"{base}items"
        self.items_begun = f"{base}items:begun"
        self.status = f"{base}status"
        self.maintenance = f"{base}maintenance"
        self.total = f"{base}total"
        self.dead = f"{base}dead"
        self.changes = f"{base}changes"
        self.damaged = f"{base}damaged"
        self.heal = f"{base}heal"
        self.feed = f"{base}feed"
        self.audit = f"{base}audit"
        self.chain = f"{base}chain"
        self.fence = f"{base}fence"
        self.named = {
            **self.indexes,
            **{f"due_{lane}": name for lane, name in self.due.items()},
            "items": self.items,
            "task": self.task,
            "seen": self.seen,
            "active": self.active,
            "total": self.total,
            "damaged": self.damaged,
            "heal": self.heal,
            "feed": self.feed,
            "audit": self.audit,
            "chain": self.chain,
            "fence": self.fence,
        }

    @property
    def indexes(self) -> dict[str, str]:
        """Sorted sets of incident ids, by name."""
        return {
            "open": self.open,
            "closed": self.closed,
            "published": self.published,
            "unreached": self.unreached,
        }

    def group(self, digest: str) -> str:
        """Return the key of a group's current generation."""
        return f"{self._base}g:{digest}"

    def incident(self, incident: str) -> str:
        """Return the key of an incident's record."""
        return f"{self._base}i:{incident}"

    def timeline(self, incident: str) -> str:
        """Return the key of an incident's timeline."""
        return f"{self._base}t:{incident}"

    def receipts(self, incident: str) -> str:
        """Return the key of an incident's receipts."""
        return f"{self._base}r:{incident}"

    def figures(self, day: str) -> str:
        """Return the key of a day's figures."""
        return f"{self._base}day:{day}"

    def response(self, day: str) -> str:
        """Return the key of how incidents of a day were answered."""
        return f"{self._base}response:{day}"

    def pagerduty(self, incident: str) -> str:
        """Return the key of what a PagerDuty incident holds."""
        return f"{self._base}pd:{incident}"

    def event(self, event: str) -> str:
        """Return the key that remembers an applied event."""
        return f"{self._base}e:{event}"

    @property
    def start(self) -> str:
        """What all keys of the shard begin with."""
        return self._base

    def audit_block(self, block: int | str) -> str:
        """Return the key of a packed block of the audit trail; of "" what all begin with."""
        return f"{self._base}audit:{block}"

    def place(self, key: str) -> str:
        """Return a key without what all keys of the shard begin with."""
        return key.removeprefix(self._base)

    def kept(self, place: str) -> str:
        """Return the key that keeps what was put aside from a place."""
        return f"{self._base}damaged:{place}"

    def shared(self) -> dict[str, str]:
        """Return the keys that all incidents of the shard share, with the type each must have."""
        sets = (*self.indexes.values(), self.items, *self.due.values())
        hashes = (self.task, self.seen, self.active, self.total, self.chain, self.fence)
        kinds = dict.fromkeys(sets, "zset") | dict.fromkeys(hashes, "hash")
        return kinds | {self.audit: "list"}


def budget_key(name: str) -> str:
    """Return the key of a notification budget; budgets belong to no shard."""
    return f"{PREFIX}:budget:{name}"


def folded_key(stem: str) -> str:
    """Return the key that names the flood which took a group."""
    return f"{PREFIX}:folded:{stem}"


def quota_key(sender: str) -> str:
    """Return the key of what a sender opened within the last minute."""
    return f"{PREFIX}:quota:{sender}"


def session_key(digest: str) -> str:
    """Return the key of a session; it belongs to no shard."""
    return f"{PREFIX}:session:{digest}"


def sessions_key(person: str) -> str:
    """Return the key of somebody's sessions."""
    return f"{PREFIX}:sessions:{person}"


def token_key(digest: str) -> str:
    """Return the key of an API token of a person."""
    return f"{PREFIX}:token:{digest}"


def tokens_key(person: str) -> str:
    """Return the key of somebody's API tokens."""
    return f"{PREFIX}:tokens:{person}"


def device_key(digest: str) -> str:
    """Return the key that tells who logged in with a browser before."""
    return f"{PREFIX}:device:{digest}"


def callback_key(digest: str) -> str:
    """Return the key that keeps a login at a provider from being ended twice."""
    return f"{PREFIX}:callback:{digest}"


def request_key(digest: str) -> str:
    """Return the key of what was asked for under an ``Idempotency-Key``."""
    return f"{PREFIX}:request:{digest}"


def attempts_key(digest: str) -> str:
    """Return the key that counts failed logins."""
    return f"{PREFIX}:attempts:{digest}"


def member(incident: str, task: str) -> str:
    """Return the agenda member of an incident's task."""
    return f"{incident}|{task}"


def split_member(raw: bytes, shard: int) -> tuple[str, str] | None:
    """Return (incident id, task) of an agenda's member, None for what names no task of a shard."""
    incident, _, task = raw.partition(b"|")
    if not task or not is_id(incident, shard):
        return None
    try:
        return incident.decode(), task.decode()
    except UnicodeDecodeError:
        return None


def split_state(raw: bytes) -> tuple[str, int] | None:
    """Return (lease token, its end) of a task's state; None when it cannot be read."""
    try:
        _, token, until, _ = raw.decode().split("|")
        return token, int(until)
    except ValueError:
        return None


def is_id(raw: bytes, shard: int) -> bool:
    """Return whether the bytes are an incident id of a shard."""
    try:
        return split_id(raw.decode("ascii"))[0] == shard
    except ValueError:
        return False


def is_generation(raw: bytes) -> bool:
    """Return whether a group's pointer leads to a generation, as ``commit_decisions`` asks too."""
    return is_number(raw) and not raw.startswith(b"0")


def is_time(raw: bytes) -> bool:
    """Return whether the bytes are a time (ms) that has a date."""
    return is_number(raw) and int(raw) <= TIME_MAX


def time_of(score: float) -> int:
    """Return the time (ms) that a score is; of one that has no date the nearest that has."""
    return int(min(max(score, 0), TIME_MAX))


def is_number(raw: bytes) -> bool:
    """Return whether the bytes are a whole number of ours."""
    return raw.isdigit() and len(raw) <= NUMBER_DIGITS
