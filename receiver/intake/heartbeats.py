"""Watched heartbeats: beats come in, and what stops beating becomes an alert like any other.

The watch is a record with one timer (``routing.heartbeat``). Around it the order of two durable
steps keeps an incident from being lost or stuck: a missing heartbeat's alert is stored before its
watch says so, and its resolve before the watch goes on. Either may be repeated.
"""

import logging
from collections.abc import Callable, Mapping

from receiver.engine.dispatcher import Dispatcher
from receiver.errors import StoreUnavailableError
from receiver.store.tasks import Task
from routing.alert import Alert
from routing.assignment import Assignment, Sender
from routing.config.base import HeartbeatConfig
from routing.duration import format_duration
from routing.event import HeartbeatSeen
from routing.fingerprint import fingerprint_of
from routing.group import Group, Shards, group_stem
from routing.heartbeat import Standing, beats, standing, watch_id
from routing.incident import Incident
from routing.severity import canonical
from routing.vocabulary import Reason

log = logging.getLogger("heartbeats")

ALERTNAME = "HeartbeatMissing"


class Heartbeats:
    """The configured heartbeats of a service."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        assignment: Callable[[], Assignment],
        configs: Mapping[str, HeartbeatConfig],
        shards: Shards,
        now: Callable[[], int],
    ) -> None:
        """``now()`` gives the time in ms."""
        self._dispatcher = dispatcher
        self._assignment = assignment
        self._configs = configs
        self._shards = shards
        self._now = now
        self.names = tuple(configs)

    async def expect(self) -> None:
        """Await every configured heartbeat from now on, even one that never came yet."""
        for name, config in self._configs.items():
            try:
                await self._dispatcher.submit(self._event(name, config, expected=True))
            except StoreUnavailableError as error:
                # One watch that cannot be read must not keep the service from starting.
                log.error("heartbeat %s is not watched: %s", name, error)  # noqa: TRY400 - no trace

    async def resume(self) -> None:
        """Await those again whose watch was damaged. StoreUnavailableError: try again."""
        for name, config in self._configs.items():
            event = self._event(name, config, expected=True)
            watch = await self._dispatcher.store.load(watch_id(event.key))
            if watch is not None and watch.damage is not None:
                await self._dispatcher.submit(event)
                log.warning("heartbeat %s is awaited from now on: its watch was damaged", name)

    def split_heartbeats(self, alerts: tuple[Alert, ...]) -> tuple[tuple[Alert, ...], list[str]]:
        """Return the alerts that are no beats, and the names of the heartbeats that beat."""
        if not any(config.matchers for config in self._configs.values()):
            return alerts, []
        rest: list[Alert] = []
        beaten: dict[str, bool] = {}
        for alert in alerts:
            names = beats(self._configs, alert.labels)
            # The resolve of a Watchdog is no beat, and no incident of its own either.
            beaten.update(dict.fromkeys(names, True) if not alert.resolved else {})
            if not names:
                rest.append(alert)
        return tuple(rest), list(beaten)

    async def standing(self) -> list[Standing]:
        """Return how each does, in the order they are configured; StoreUnavailableError."""
        names = {name: watch_id(self._event(name, of).key) for name, of in self._configs.items()}
        found = await self._dispatcher.store.read(names.values())
        now = self._now()
        return [
            standing(name, config, found.get(names[name]), now)
            for name, config in self._configs.items()
        ]

    def watches(self, alertname: str) -> bool:
        """Return whether alerts of this name may beat."""
        return any(
            matcher.name == "alertname" and matcher.matches({"alertname": alertname})
            for config in self._configs.values()
            for matcher in config.matchers
        )

    async def beat(self, name: str) -> bool:
        """Take a beat in durably; False when no such heartbeat is configured."""
        config = self._configs.get(name)
        if config is None:
            return False
        event = self._event(name, config)
        outcome = await self._dispatcher.submit(event)
        if outcome.reason == Reason.HEARTBEAT_RETURNED and outcome.incident is not None:
            watch = outcome.incident
            since = watch.episode_opened_at
            await self._tell(name, watch, since, ends_at=max(self._now(), since + 1))
            await self._dispatcher.submit(self._event(name, config, returned=True))
            log.info("heartbeat %s is back", name)
        return True

    async def missed(self, task: Task, watch: Incident) -> bool:
        """Store the alert of a heartbeat whose timer is due; False: it is not configured any more.

        The alert starts when the beat was due, so that telling it twice is telling it once.
        """
        name = watch.group.labels.get("heartbeat", "")
        config = self._configs.get(name)
        due = watch.timers.get(task.task)
        if config is None or due is None or due > self._now():
            return config is not None
        log.warning("heartbeat %s is missing", name)
        await self._tell(name, watch, due)
        return True

    async def _tell(self, name: str, watch: Incident, since: int, ends_at: int = 0) -> None:
        """Store the alert of a missing heartbeat, or (``ends_at``) its end."""
        config = self._configs[name]
        seen = watch.seen_at > 0
        labels = {
            **config.labels,
            "alertname": ALERTNAME,
            "heartbeat": name,
            "severity": config.severity if seen else _never_seen(config.severity),
        }
        interval = format_duration(config.interval)
        never = f"Heartbeat {name} has never come since it is awaited: is its sender configured?"
        alert = Alert(
            # One alert, whichever of the two it is: its end ends both.
            fingerprint=fingerprint_of(labels | {"severity": config.severity}),
            labels=labels,
            annotations={
                "summary": f"No heartbeat {name} for longer than {interval}" if seen else never
            },
            starts_at=since,
            resolved=bool(ends_at),
            ends_at=ends_at,
        )
        sender = Sender(
            cluster="",
            receiver="heartbeat",
            group_key=f"heartbeat:{name}",
            group_labels={"heartbeat": name},
            kind="heartbeat",
        )
        for event in self._assignment().assign((alert,), sender, self._shards):
            await self._dispatcher.submit(event)

    def _event(
        self, name: str, config: HeartbeatConfig, *, expected: bool = False, returned: bool = False
    ) -> HeartbeatSeen:
        group = Group(cluster="", receiver="watch", group_key=name, labels={"heartbeat": name})
        key = group_stem(group, self._shards)
        return HeartbeatSeen(key, group, config.interval, expected, returned)


def _never_seen(severity: str) -> str:
    """Return how severe it is that a heartbeat never came: somebody has to set it up by and by."""
    return severity if canonical(severity) in ("info", "none") else "warning"
