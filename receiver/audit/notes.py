"""Who did what, and who was refused: the lines of the class ``audit``, and the audit trail.

The lines are written at any ``log.level``. Texts that people wrote stay in the timeline, which is
the record of an incident; these lines say that something was done, by whom and with what outcome.
The trail tells the same as data (see ``trail``); of what a commit stores it tells in that commit.
"""

import logging
import time
from collections.abc import Iterable

from aiohttp import web

from receiver.audit.of_decision import action_of, actor_of, entry_of
from receiver.audit.trail import Trail
from receiver.observability.correlation import Caller, caller, correlation_id
from receiver.observability.logs import AUDIT
from receiver.problem import detail_of
from receiver.store.audit.entry import AuditEntry
from routing.decision import Decision
from routing.event import Event
from routing.incident_parts import Actor
from routing.person_event import Denied

log = logging.getLogger(AUDIT)

REFUSALS_MAX = 20
WINDOW_S = 60.0
"""Refused requests logged at most in so many seconds: anybody can cause them, at any rate."""


class Audit:
    """Writes a line of the log, and an entry of the trail."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail

    def action(
        self,
        event: Event,
        decision: Decision,
        trace: str,
        sender: tuple[Caller, str],
        *,
        stored: bool,
    ) -> None:
        """Tell what a person asked for and what came of it; nothing for what no person did.

        ``trace``: the context it was asked in, ``sender``: who sent it, with the correlation id.
        ``stored``: the commit told the trail.
        """
        actor = actor_of(event)
        if actor is None:
            return
        incident = decision.incident
        if not stored:
            self.trail.tell(entry_of(event, decision, *sender, self.trail.now))
        if isinstance(event, Denied):
            return  # ``denial`` says it, stored or not
        _say(
            logging.INFO,
            actor,
            action_of(event),
            incident.id if incident is not None else "",
            decision.reason,
            trace_context=trace,
            correlation_id=incident.correlation_id if incident is not None else "",
        )

    def denial(self, actor: Actor, action: str, incident: str) -> None:
        """Tell that somebody asked for what is not theirs to do; ``incident`` "": of none.

        Of an incident's the trail tells with the commit.
        """
        _say(logging.WARNING, actor, action, incident, "denied")
        if not incident:
            self._tell(action, "denied", actor.name, via=actor.via, credential=actor.id)

    def feedback(self, actor: Actor, runbook: str, answer: str) -> None:
        """Tell that somebody said whether a runbook helped (yes or no)."""
        words = f"{actor.name} ({actor.via}): runbook {runbook} helped: {answer}"
        extra = {"action": "runbook-feedback", "outcome": answer, "runbook": runbook}
        log.info("%s", words, extra=extra | {"actor": actor.name, "via": actor.via})
        self._tell("runbook-feedback", answer, actor.name, via=actor.via, detail=runbook)

    def maintenance(self, actor: Actor, name: str, outcome: str) -> None:
        """Tell that somebody declared or cancelled a planned maintenance."""
        words = f"{actor.name} ({actor.via}): maintenance {name}: {outcome}"
        extra = {"action": "maintenance", "outcome": outcome, "maintenance": name}
        log.info("%s", words, extra=extra | {"actor": actor.name, "via": actor.via})
        self._tell("maintenance", outcome, actor.name, via=actor.via, detail=name)

    def sent_again(self, actor: Actor, letter: str, outcome: str, detail: str) -> None:
        """Tell that somebody sent a dead letter again, and what came of it."""
        words = f"{actor.name} ({actor.via}): dead letter {letter} sent again: {outcome}"
        extra = {"action": "resend", "outcome": outcome, "dead_letter": letter}
        log.info("%s", words, extra=extra | {"actor": actor.name, "via": actor.via})
        told = f"dead letter {letter}: {detail}"
        self._tell("resend", outcome, actor.name, via=actor.via, detail=told)

    def login(self, name: str, method: str, address: str) -> None:
        """Tell that somebody logged in."""
        extra = {"action": "login", "outcome": "accepted", "actor": name, "method": method}
        log.info("%s logged in by %s", name, method, extra=extra | {"remote": address})
        self._tell("login", "accepted", name, via=method, address=address)

    def refused_login(
        self, name: str, method: str, address: str, *, locked: bool = False, why: str = ""
    ) -> None:
        """Tell that a login failed, or was not tried since too many did (``locked``); not each."""
        outcome = "locked" if locked else "refused"
        self.trail.refused(
            AuditEntry(
                self.trail.now,
                "login",
                outcome,
                name,
                method,
                address=address,
                correlation_id=correlation_id.get(),
                detail=why,
            )
        )
        unlogged = _sparing_logins.admit(time.monotonic())
        if unlogged is None:
            return
        extra = {
            "action": "login",
            "outcome": outcome,
            "actor": name,
            "method": method,
            "remote": address,
        } | ({"unlogged": unlogged} if unlogged else {})
        because = f": {why}" if why else ""
        log.warning("login refused: %s by %s%s", name, method, because, extra=extra)

    def logout(self, name: str, sessions: int, by: str = "") -> None:
        """Tell that so many sessions of somebody ended, of their own will or (``by``) another's."""
        extra = {"action": "logout", "actor": by or name, "sessions": sessions}
        log.info("sessions of %s ended: %d", name, sessions, extra=extra)
        self._tell("logout", "accepted", by or name, detail=f"{name}: {sessions}")

    def token(self, name: str, label: str, *, made: bool) -> None:
        """Tell that somebody made themselves an API token, or ended one."""
        outcome = "made" if made else "ended"
        extra = {"action": "token", "outcome": outcome, "actor": name}
        log.info("API token of %s %s: %s", name, outcome, label, extra=extra)
        self._tell("token", outcome, name, detail=label)

    def unlock(self, name: str, by: str) -> None:
        """Tell that somebody had the failed logins of a name forgotten."""
        log.info("failed logins of %s forgotten", name, extra={"action": "unlock", "actor": by})
        self._tell("unlock", "accepted", by, detail=name)

    def reload(
        self,
        by: str,
        *,
        problems: Iterable[str] = (),
        later: Iterable[str] = (),
        warnings: Iterable[str] = (),
    ) -> None:
        """Tell that somebody (or a signal) had the configuration read anew, and what came of it."""
        found, restart = list(problems), ", ".join(later)
        extra = {"action": "reload", "actor": by, "outcome": "refused" if found else "accepted"}
        for problem in found:
            log.error("configuration not taken, the old one goes on: %s", problem, extra=extra)
        rest = f"; needs a restart: {restart}" if restart else ""
        if not found:
            log.info("the configuration was read anew and holds%s", rest, extra=extra)
            note_doubts(warnings)
        detail = "; ".join(found) if found else rest.removeprefix("; ")
        self._tell("reload", str(extra["outcome"]), by, detail=detail)

    def refusal(self, request: web.Request, error: web.HTTPException) -> None:
        """Tell of a request that nobody vouched for (401) or that is not allowed (403).

        Of one too many (429) the trail alone tells.
        """
        if error.status == web.HTTPTooManyRequests.status_code:
            # When one may come again is another each time, and would make each another refusal.
            self._refused_request(request, error, "too many requests")
            return
        if error.status not in (web.HTTPUnauthorized.status_code, web.HTTPForbidden.status_code):
            return
        self._refused_request(request, error, _reason(error))
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

    def _refused_request(self, request: web.Request, error: web.HTTPException, why: str) -> None:
        resource = request.match_info.route.resource
        self.trail.refused(
            AuditEntry(
                self.trail.now,
                "request",
                "refused",
                caller.get().name,
                "http",
                address=request.remote or "",
                correlation_id=correlation_id.get(),
                detail=(
                    f"{error.status} {request.method}"
                    f" {resource.canonical if resource is not None else 'other'}: {why}"
                ),
            )
        )

    def tell(self, action: str, outcome: str, detail: str = "") -> None:
        """Tell the trail alone of something that the service itself does."""
        self._tell(action, outcome, "incident-manager", detail=detail)

    def _tell(  # noqa: PLR0913 - the fields of an entry
        self,
        action: str,
        outcome: str,
        principal: str,
        *,
        via: str = "",
        credential: str = "",
        address: str = "",
        detail: str = "",
    ) -> None:
        known = caller.get()
        shown = credential or known.name
        self.trail.tell(
            AuditEntry(
                self.trail.now,
                action,
                outcome,
                principal,
                via,
                shown if shown != principal else "",
                address or known.address,
                correlation_id=correlation_id.get(),
                detail=detail,
            )
        )


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
