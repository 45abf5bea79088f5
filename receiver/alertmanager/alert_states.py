"""Asks Alertmanagers what has become of alerts that are not reported any more.

A silenced or inhibited alert vanishes from notifications, and so does one that resolves while it is
silenced: absence says nothing, but ``GET /api/v2/alerts`` does. Unknown is never taken for gone: a
peer that does not answer, or was started too recently to have heard of every alert again (it keeps
none over a restart), has no opinion.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
from aiohttp import ClientError

from receiver.alertmanager.client import AlertmanagerHttp, Peer, UnusableError, peers_by_cluster
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.text.visible import clean_text
from routing.event import Seen
from routing.fingerprint import MAX_LABEL, fingerprint_of
from routing.matcher import Matcher

log = logging.getLogger("alertmanager")

STATES = ("active", "silenced", "inhibited", "muted", "gone")
"""Of what the peers of a cluster say the first in this order holds, for peers may lag.

``gone``: it has ended, or no peer knows it any more.
"""
MAX_BYTES = 64 << 20
"""Of one answer: some 40,000 alerts."""
MAX_FILTER = 4_000
"""Characters of all filters as they stand in the URL; proxies refuse lines of 8 KB."""

Alerts = Mapping[str, Mapping[str, str]]
"""Fingerprint -> labels."""

_EVERY_STATE = [(name, "true") for name in ("active", "silenced", "inhibited", "unprocessed")]
# Before 0.27 no other name can be written in a filter, quoted or not.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Status(msgspec.Struct, rename="camel"):
    state: str
    silenced_by: tuple[str, ...] | None = None
    inhibited_by: tuple[str, ...] | None = None
    # Of 0.34 only /api/v2/alerts/groups fills it.
    muted_by: tuple[str, ...] | None = None


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    status: _Status
    fingerprint: str = ""


class _About(msgspec.Struct):
    """The answer of /api/v2/status; ``uptime`` is the time of the start."""

    uptime: datetime


_decode_alerts = msgspec.json.Decoder(list[_Alert]).decode
_decode_about = msgspec.json.Decoder(_About).decode


class Alertmanagers:
    """All configured Alertmanagers, by cluster."""

    def __init__(
        self, configs: Iterable[AlertmanagerConfig], *, timeout: float = 5.0, connections: int = 8
    ) -> None:
        """``timeout``: seconds that all questions to one peer may take; ``connections``: in all."""
        self._peers = peers_by_cluster(configs)
        self._timeout = timeout
        self._http = AlertmanagerHttp(connections)

    async def states(
        self, cluster: str, labels_by_fingerprint: Alerts, *, unanimous: bool = False
    ) -> dict[str, Seen] | None:
        """Return what became of each alert; one that no peer can tell of is left out.

        ``unanimous``: gone is only what every peer says is, for the one that cannot tell may be the
        one that has it. None when the cluster has no Alertmanager configured, none gave a usable
        answer, or none can tell of any. Never raises for what the network or an Alertmanager does.
        """
        peers = self._peers.get(cluster)
        if not peers:
            return None
        # Both this and the reading of answers take long for thousands of alerts: not in the loop.
        filters = await asyncio.to_thread(filters_for, labels_by_fingerprint)
        answers = await asyncio.gather(
            *(self._ask(peer, filters, labels_by_fingerprint) for peer in peers)
        )
        combined = _combine([answer for answer in answers if answer])
        for name in labels_by_fingerprint if unanimous else ():
            sure = all(answer is not None and name in answer for answer in answers)
            if not sure and combined.get(name) == Seen("gone"):
                del combined[name]
        return combined or None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _ask(self, peer: Peer, filters: list[str], wanted: Alerts) -> dict[str, Seen] | None:
        """Return what one peer says; what it is too young to say is left out."""
        trouble, found = "", None
        try:
            async with asyncio.timeout(self._timeout):
                query = [*_EVERY_STATE, *(("filter", text) for text in filters)]
                body, _ = await self._get(peer, "alerts", query)
                found = await asyncio.to_thread(_read, body, wanted)
                missing = wanted.keys() - found.keys()
                if missing and not await self._is_young(peer):
                    found |= dict.fromkeys(missing, Seen("gone"))
        except TimeoutError:
            trouble, found = f"no answer within {self._timeout:g} s", None
        except (msgspec.MsgspecError, RecursionError) as error:
            trouble, found = f"not an answer of API v2: {error}", None
        except (ClientError, OSError, ValueError, UnusableError) as error:
            trouble, found = str(error) or type(error).__name__, None
        _note(peer, trouble)
        return found

    async def _is_young(self, peer: Peer) -> bool:
        """Return whether a peer was started less than ``warm_up`` ago, by its own clock."""
        if not peer.warm_up:
            return False
        body, now = await self._get(peer, "status", [])
        started = _decode_about(body).uptime
        return now - (started if started.tzinfo else started.replace(tzinfo=UTC)) < peer.warm_up

    async def _get(
        self, peer: Peer, what: str, query: list[tuple[str, str]]
    ) -> tuple[bytes, datetime]:
        """Return the body of an answer and the time at the peer."""
        answer = await self._http.ask(peer, "GET", what, query=query, most=MAX_BYTES)
        if answer.status != 200:  # noqa: PLR2004 - the only status of a usable answer
            raise UnusableError(f"/api/v2/{what} answers {answer.status}")
        return answer.body, answer.date


def _note(peer: Peer, trouble: str) -> None:
    """Log a change between usable (``trouble`` is empty) and not."""
    if peer.usable and trouble:
        log.warning("Alertmanager %s cannot be asked: %s", peer.url, trouble)
    elif not peer.usable and not trouble:
        log.warning("Alertmanager %s answers again", peer.url)
    peer.usable = not trouble


def filters_for(alerts: Alerts) -> list[str]:
    """Return ``filter`` parameters that every one of the alerts passes; [] for no alerts.

    They are the labels common to all, or else all alertnames. There are none as soon as the labels
    of one alert are not as Alertmanager has them (we cut and clean what is hostile): a filter that
    is too narrow would make an alert seem gone.
    """
    if not alerts or not all(map(_is_intact, alerts.keys(), alerts.values())):
        return []
    common = set.intersection(*(set(labels.items()) for labels in alerts.values()))
    # The name says most; after it the shortest, so that as many as possible have room.
    pairs = sorted(common, key=lambda pair: (pair[0] != "alertname", len(pair[1]), pair))
    matchers = [Matcher(name, "=", value) for name, value in pairs if value]
    if not matchers and all(labels.get("alertname") for labels in alerts.values()):
        names = sorted({re.escape(labels["alertname"]) for labels in alerts.values()})
        matchers = [Matcher("alertname", "=~", "|".join(names))]
    found, room = [], MAX_FILTER
    for matcher in matchers:
        text = str(matcher)
        room_after = room - len(quote(text, safe=""))
        if _NAME.fullmatch(matcher.name) and room_after >= 0:
            found.append(text)
            room = room_after
    return found


def _is_intact(fingerprint: str, labels: Mapping[str, str]) -> bool:
    """Return whether labels are as they were sent, which the sender's fingerprint proves.

    One that we made proves nothing, but its sender is hardly Alertmanager.
    """
    if any(len(value) >= MAX_LABEL for value in labels.values()):
        return False
    try:
        return fingerprint_of(labels) == fingerprint
    except UnicodeEncodeError:
        return False


def _read(body: bytes, wanted: Alerts) -> dict[str, Seen]:
    """Return the wanted alerts that an answer holds.

    An alert whose fingerprint is ours, because its sender left it out, is found by equal labels.
    """
    known = _decode_alerts(body)
    by_fingerprint = {alert.fingerprint: alert for alert in known}
    found = {name: by_fingerprint[name] for name in wanted if name in by_fingerprint}
    unmatched: dict[frozenset[tuple[str, str]], list[str]] = {}
    for name in wanted.keys() - found.keys():
        unmatched.setdefault(_label_set(wanted[name]), []).append(name)
    names = {labels.get("alertname", "") for labels in wanted.values()}
    for alert in known if unmatched else ():
        # Cleaning is slow; the name is looked at first.
        if clean_text(alert.labels.get("alertname", ""), MAX_LABEL) in names:
            found |= dict.fromkeys(unmatched.get(_label_set(alert.labels), ()), alert)
    return {name: _seen(alert.status) for name, alert in found.items()}


def _label_set(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """Return labels as the webhook would have kept them; an empty one is none."""
    return frozenset(
        (clean_text(name, MAX_LABEL), clean_text(value, MAX_LABEL))
        for name, value in labels.items()
        if value
    )


def _seen(status: _Status) -> Seen:
    if status.silenced_by:
        return Seen("silenced", status.silenced_by)
    if status.inhibited_by:
        return Seen("inhibited", status.inhibited_by)
    if status.muted_by or status.state == "suppressed":
        return Seen("muted", status.muted_by or ())
    # Also "unprocessed", and any word to come: it is known, so it has not ended.
    return Seen("active")


def _combine(answers: list[dict[str, Seen]]) -> dict[str, Seen]:
    combined: dict[str, Seen] = {}
    for answer in answers:
        for name, seen in answer.items():
            best = combined.get(name, seen)
            first = STATES.index(seen.state) < STATES.index(best.state)
            combined[name] = seen if first else best
    return combined
