"""Who did what, and who was refused: the lines of the class ``audit``.

They are written at any ``log.level``. Texts that people wrote stay in the timeline, which is the
record of an incident; these lines say that something was done, by whom and with what outcome.
"""

import logging
import time
from collections.abc import Iterable

from aiohttp import web

from receiver.observability.logs import AUDIT
from receiver.problem import detail_of
from routing.decision import Decision
from routing.event import AlertsReceived, Event
from routing.incident_parts import Actor
from routing.person_event import Denied

log = logging.getLogger(AUDIT)

REFUSALS_MAX = 20
WINDOW_S = 60.0
"""Refused requests logged at most in so many seconds: anybody can cause them, at any rate."""


def note_action(event: Event, decision: Decision, trace: str) -> None:
    """Log what a person asked for and what came of it; nothing for what no person did.

    ``trace``: the context it was asked in.
    """
    if isinstance(event, Denied):
        return  # ``note_denial`` says it, stored or not
    if isinstance(event, AlertsReceived):
        actor, action = event.by, "open"
    else:
        actor, action = getattr(event, "actor", None), getattr(event, "action", "")
    if actor is None or not action:
        return
    incident = decision.incident
    _say(
        logging.INFO,
        actor,
        action,
        incident.id if incident is not None else "",
        decision.reason,
        trace_context=trace,
        correlation_id=incident.correlation_id if incident is not None else "",
    )


def note_denial(actor: Actor, action: str, incident: str) -> None:
    """Log that somebody asked for what is not theirs to do; ``incident`` "": of none."""
    _say(logging.WARNING, actor, action, incident, "denied")


def note_feedback(actor: Actor, runbook: str, answer: str) -> None:
    """Log that somebody said whether a runbook helped (yes or no)."""
    words = f"{actor.name} ({actor.via}): runbook {runbook} helped: {answer}"
    extra = {"action": "runbook-feedback", "outcome": answer, "runbook": runbook}
    log.info("%s", words, extra=extra | {"actor": actor.name, "via": actor.via})


def note_login(name: str, method: str, address: str) -> None:
    """Log that somebody logged in."""
    extra = {"action": "login", "outcome": "accepted", "actor": name, "method": method}
    log.info("%s logged in by %s", name, method, extra=extra | {"remote": address})


def note_refused_login(
    name: str, method: str, address: str, *, locked: bool = False, why: str = ""
) -> None:
    """Log that a login failed, or was not tried since too many did (``locked``); not each."""
    unlogged = _sparing_logins.admit(time.monotonic())
    if unlogged is None:
        return
    extra = {
        "action": "login",
        "outcome": "locked" if locked else "refused",
        "actor": name,
        "method": method,
        "remote": address,
    } | ({"unlogged": unlogged} if unlogged else {})
    because = f": {why}" if why else ""
    log.warning("login refused: %s by %s%s", name, method, because, extra=extra)


def note_logout(name: str, sessions: int, by: str = "") -> None:
    """Log that so many sessions of somebody ended, of their own will or (``by``) of another's."""
    extra = {"action": "logout", "actor": by or name, "sessions": sessions}
    log.info("sessions of %s ended: %d", name, sessions, extra=extra)


def note_unlock(name: str, by: str) -> None:
    """Log that somebody had the failed logins of a name forgotten."""
    log.info("failed logins of %s forgotten", name, extra={"action": "unlock", "actor": by})


def note_start(version: str, file: str) -> None:
    """Log that the service starts, with its configuration file ("": none)."""
    extra = {"action": "start", "version": version, "config_file": file}
    log.info("the service starts", extra=extra)


def note_stop() -> None:
    """Log that the service was asked to stop and did."""
    log.info("the service stopped", extra={"action": "stop"})


def note_bad_configuration(problems: str) -> None:
    """Log why a configuration was refused, one line for each problem."""
    for problem in problems.splitlines():
        extra = {"action": "configure", "outcome": "refused"}
        log.error("configuration refused: %s", problem, extra=extra)


def note_doubts(warnings: Iterable[str]) -> None:
    """Log what a configuration says and hardly means, one line each."""
    for warning in warnings:
        extra = {"action": "configure", "outcome": "accepted"}
        log.warning("configuration: %s", warning, extra=extra)


def note_reload(
    by: str,
    *,
    problems: Iterable[str] = (),
    later: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> None:
    """Log that somebody (or a signal) had the configuration read anew, and what came of it."""
    found, restart = list(problems), ", ".join(later)
    extra = {"action": "reload", "actor": by, "outcome": "refused" if found else "accepted"}
    for problem in found:
        log.error("configuration not taken, the old one goes on: %s", problem, extra=extra)
    if not found:
        rest = f"; needs a restart: {restart}" if restart else ""
        log.info("the configuration was read anew and holds%s", rest, extra=extra)
        note_doubts(warnings)


def note_refusal(request: web.Request, error: web.HTTPException) -> None:
    """Log a request that nobody vouched for (401) or that is not allowed (403)."""
    if error.status not in (web.HTTPUnauthorized.status_code, web.HTTPForbidden.status_code):
        return
    unlogged = _sparing.admit(time.monotonic())
    if unlogged is None:
        return
    extra = {
        "action": "request",
        "outcome": "refused",
        "status": error.status,
        "method": request.method,
        "path": request.path[:200],
        "remote": request.remote or "",
    } | ({"unlogged": unlogged} if unlogged else {})
    log.warning("refused: %s", _reason(error), extra=extra)


def _say(level: int, actor: Actor, action: str, incident: str, outcome: str, **more: str) -> None:
    words = f"{actor.name} ({actor.via}): {action} {incident or 'nothing'}: {outcome}"
    extra = {
        "action": action,
        "outcome": outcome,
        "incident": incident,
        "actor": actor.name,
        "actor_id": actor.id,
        "via": actor.via,
        "human": actor.ends == "human",
    }
    log.log(level, "%s", words, extra=extra | {name: text for name, text in more.items() if text})


def _reason(error: web.HTTPException) -> str:
    """Return an answer's own words; those of the API are in JSON."""
    text = (error.text or error.reason).strip()
    return detail_of(text) or text


class Sparing:
    """Lets some through in each window, and counts the rest."""

    def __init__(self) -> None:
        self._since = -WINDOW_S
        self._passed = 0
        self._held = 0

    def admit(self, now: float) -> int | None:
        """Return how many were held back before this one, None to hold this one back too."""
        if now - self._since >= WINDOW_S:
            self._since, self._passed = now, 0
        if self._passed >= REFUSALS_MAX:
            self._held += 1
            return None
        self._passed += 1
        held, self._held = self._held, 0
        return held


_sparing = Sparing()
_sparing_logins = Sparing()
