"""How much of what was acknowledged a server may lose, judged from what it says about itself.

202 means durable. A server that may forget is refused before it has anything to forget; one that
turns out so later (CONFIG SET, a failover) is refused from then on.
"""

from enum import StrEnum
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from receiver.store.redis import Client, unavailable_is_503


class Level(StrEnum):
    """How durable a server is; also the value of the metric's label."""

    EVERY_WRITE = "every_write"
    """On the disk before it is acknowledged."""
    EVERY_SECOND = "every_second"
    """On the disk up to two seconds later."""
    ONE_COPY = "one_copy"
    """On the disk of one server before it is acknowledged, and another may take over without it."""
    ASSURED = "assured"
    """The server does not tell; whoever runs this service says that it is durable."""
    ACCEPTED_LOSS = "accepted_loss"
    """It may forget, and that was accepted (``redis.accept_loss``)."""
    REFUSED = "refused"
    """It may forget."""


class ServerFacts(msgspec.Struct, frozen=True):
    """What a server says about itself; None, "" and 0 where it does not.

    Sizes in bytes; ``limit`` is its maxmemory, 0 for none. ``run``: another one with each start of
    a server. ``mode``: ``standalone``, ``cluster`` or ``sentinel``. ``rewriting``: its append-only
    file is being written anew, or soon will be.
    """

    run: str = ""
    mode: str = ""
    replica: bool = False
    aof: bool | None = None
    fsync: str = ""
    fsync_pauses: bool = False
    snapshots: str = ""
    aof_written: bool = True
    aof_rewritten: bool = True
    rewriting: bool = False
    aof_size: int = 0
    policy: str = ""
    used: int = 0
    limit: int = 0


class Durability(msgspec.Struct, frozen=True):
    """The verdict. ``problem`` is in words, "" when nothing is lost; ``fix``: lines that mend it.

    ``acceptable``: it is a loss that ``redis.accept_loss`` accepts.
    """

    level: Level
    problem: str = ""
    fix: tuple[str, ...] = ()
    acceptable: bool = False

    @property
    def refused(self) -> bool:
        """Nothing may be acknowledged."""
        return self.level is Level.REFUSED

    @property
    def shown(self) -> str:
        """The verdict in words, "ok" for no loss."""
        return self.problem or ("ok" if self.level is Level.EVERY_WRITE else self.level)


async def read_facts(redis: Client) -> ServerFacts:
    """Ask the server; StoreUnavailableError when it does not answer.

    What it forbids to ask (CONFIG or INFO renamed, or not permitted) is left out. One round trip,
    and only commands and forms that every version knows.
    """
    async with unavailable_is_503():
        pipeline = redis.pipeline(transaction=False)
        for pattern in ("*append*", "maxmemory*", "save"):
            pipeline.config_get(pattern)
        pipeline.info()
        answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
                raise answer
    *parts, info = [{} if isinstance(answer, Exception) else answer for answer in answers]
    config: dict[str, str] = {}
    for part in parts:
        config |= part
    return _facts(config, info)


def _facts(config: dict[str, str], info: dict[str, Any]) -> ServerFacts:
    said = info.get("aof_enabled")
    aof = config["appendonly"] == "yes" if "appendonly" in config else None
    return ServerFacts(
        run=str(info.get("run_id", "")),
        mode=str(info.get("redis_mode", "") or info.get("server_mode", "")),
        replica=info.get("role") == "slave",
        aof=aof if said is None else bool(said),
        fsync=config.get("appendfsync", ""),
        fsync_pauses=config.get("no-appendfsync-on-rewrite") == "yes",
        snapshots=config.get("save", ""),
        aof_written=info.get("aof_last_write_status", "ok") == "ok",
        aof_rewritten=info.get("aof_last_bgrewrite_status", "ok") == "ok",
        rewriting=bool(info.get("aof_rewrite_in_progress") or info.get("aof_rewrite_scheduled")),
        aof_size=int(info.get("aof_current_size", 0)),
        policy=config.get("maxmemory-policy", "") or str(info.get("maxmemory_policy", "")),
        used=int(info.get("used_memory", 0)),
        limit=int(config.get("maxmemory", 0)) or int(info.get("maxmemory", 0)),
    )


class Judge:
    """Judges one server again and again; it remembers when its file was last seen complete."""

    def __init__(
        self, *, accept_loss: bool = False, assured: bool = False, takeover: bool = False
    ) -> None:
        """See ``judge``."""
        self._accept_loss = accept_loss
        self._assured = assured
        self._takeover = takeover
        self._complete = ""

    def judge(self, facts: ServerFacts) -> Durability:
        """Return the verdict on what the server says now.

        A file that is written for the first time (CONFIG SET appendonly yes) is none until that is
        done: whatever is acknowledged before is lost with the process. A server does not tell that
        from a rewrite of a file it has, so it is the first time unless the file was seen before.
        """
        if facts.aof is False:
            self._complete = ""
        elif not facts.rewriting:
            self._complete = facts.run
        return judge(
            facts,
            accept_loss=self._accept_loss,
            assured=self._assured,
            takeover=self._takeover,
            complete=self._complete == facts.run,
        )


def judge(
    facts: ServerFacts,
    *,
    accept_loss: bool = False,
    assured: bool = False,
    takeover: bool = False,
    complete: bool = True,
) -> Durability:
    """Return how durable a server is; ``complete``: its append-only file has all there is.

    ``takeover``: a replica may take over, and none is waited for. ``assured`` counts only where
    the server does not tell: it is no way to overrule what it says.
    """
    if facts.replica:
        # Not a matter of loss that one may accept: what a replica takes is gone at its next sync.
        words = "it is a replica, which takes no writes or forgets them"
        return Durability(Level.REFUSED, words, ("redis.url: the address of the primary",))
    if facts.limit and facts.policy not in ("noeviction", ""):
        words = f"it may evict incidents when its memory is full (maxmemory-policy {facts.policy})"
        return Durability(Level.REFUSED, words, ("maxmemory-policy noeviction",))
    if not facts.fsync and assured and facts.aof_written:
        doubt = "redis.durability: assured is trusted, but the server says aof_enabled:0"
        return Durability(Level.ASSURED, doubt if facts.aof is False else "")
    found = _persistence(facts, complete=complete)
    if found.acceptable and accept_loss:
        return Durability(Level.ACCEPTED_LOSS, f"{found.problem}; redis.accept_loss accepts that")
    return _taken_over(found) if takeover and not found.refused else found


def _taken_over(found: Durability) -> Durability:
    """Return the verdict on a server whose replicas need not have what it acknowledged."""
    words = "a takeover may lose what was acknowledged last, for no replica is waited for"
    level = Level.ONE_COPY if found.level is Level.EVERY_WRITE else found.level
    problem = f"{found.problem}; {words}" if found.problem else words
    return Durability(level, problem, (*found.fix, "redis.wait_replicas: 1"))


_AOF = ("appendonly yes", "appendfsync always")


def _persistence(facts: ServerFacts, *, complete: bool) -> Durability:
    if facts.aof is False:
        kept = (
            f"it keeps snapshots alone (save {facts.snapshots}): what came after the last one is"
            if facts.snapshots
            else "it keeps nothing on disk: everything is"
        )
        return _forgets(f"{kept} lost when it stops (appendonly no)", *_AOF)
    if not facts.aof_written:
        words = "its last write to the append-only file failed (aof_last_write_status:err)"
        return _forgets(words, "free its disk; its log says what failed")
    if not facts.fsync:
        words = "it does not tell whether what it acknowledges is on disk (CONFIG GET is forbidden)"
        return _forgets(words, "redis.durability: assured")
    if not complete:
        words = "its append-only file is still being written for the first time"
        return _forgets(words, "wait a moment; its log says how far it is")
    return _syncing(facts)


def _syncing(facts: ServerFacts) -> Durability:
    if facts.fsync == "no":
        words = "it leaves it to the kernel when what it acknowledged is written (appendfsync no)"
        return _forgets(f"{words}: a power cut loses 30 seconds or more", *_AOF)
    if facts.fsync_pauses:
        words = (
            "it does not wait for the disk while it rewrites its file (no-appendfsync-on-rewrite"
        )
        words += " yes): a power cut then loses 30 seconds or more"
        return _forgets(words, "no-appendfsync-on-rewrite no")
    if facts.fsync == "everysec":
        words = "a power cut may lose the last 2 seconds of what was acknowledged"
        return Durability(Level.EVERY_SECOND, f"{words} (appendfsync everysec)", _AOF[1:])
    return Durability(Level.EVERY_WRITE)


def _forgets(words: str, *fix: str) -> Durability:
    return Durability(Level.REFUSED, words, fix, acceptable=True)
