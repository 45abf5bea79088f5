"""What a row of the registry of actions is made of: a request's body, and what each face shows.

A field is described once; API, Slack's windows, the console's forms and the command line are made
of it. What is missing, unknown or of the wrong type is refused with its place.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import msgspec

from receiver.errors import PayloadError
from receiver.roles import Role
from receiver.text.numbers import whole
from routing.duration import parse_duration
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import PersonEvent

NAME_MAX = 80
TEXT_MAX = 2_000
NUMBER_MAX = 1_000_000

B = TypeVar("B", bound=msgspec.Struct)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What every action may say: who acts (``by``), and the episode they saw.

    ``human`` False: a machine does so, on nobody's behalf that is not named in ``by``.
    """

    by: str = ""
    episode: int | None = None
    human: bool | None = None


class Input(StrEnum):
    """What people fill in, which says how a face asks for it."""

    LINE = "line"
    LINES = "lines"
    PERSON = "person"
    DURATION = "duration"
    MOMENT = "moment"
    DAY = "day"
    """As 2026-03-02."""
    CHOICE = "choice"
    CHOICES = "choices"
    """Several; as text, one a line."""
    NUMBER = "number"
    FLAG = "flag"
    INCIDENT = "incident"
    LIST = "list"
    """Texts, one a line."""


class Field(NamedTuple):
    """One field of a body: ``name`` as the API has it, ``label`` above it in a form.

    ``hint`` stands in it while it is empty; ``help`` is for the command line, which takes the
    field as an argument if ``positional``, else as an option (``option``, else its name). ``form``
    False: forms do not ask for it; ``insist``: they want it although the API does not. ``choices``:
    values with their words, for CHOICE and CHOICES. ``clears``: empty, it takes away what is
    there. ``least``: of a NUMBER.
    """

    name: str
    label: str
    input: Input = Input.LINE
    hint: str = ""
    help: str = ""
    needed: bool = False
    insist: bool = False
    form: bool = True
    positional: bool = False
    option: str = ""
    metavar: str = ""
    most: int = TEXT_MAX
    choices: tuple[tuple[str, str], ...] = ()
    clears: bool = False
    least: int = 1


class Confirm(NamedTuple):
    """What is asked before something is done at once: a question, what it means, the yes."""

    question: str
    text: Callable[[Incident], str]
    yes: str


class Request(NamedTuple):
    """Who asks, at what time (ms), and the components of the status page there are."""

    actor: Actor
    now: int
    components: Sequence[str] = ()


def always(_incident: Incident) -> bool:
    """Return True: it can be done whatever the incident is like."""
    return True


def is_open(incident: Incident) -> bool:
    """Return whether the incident is open."""
    return incident.is_open


def never(_incident: Incident) -> bool:
    """Return False: it is asked for by name, or from a list of its own."""
    return False


class Action(NamedTuple):
    """What a person may ask, once for all faces.

    ``may``: in words, for whoever may not; "": no permission of its own. ``read`` makes the event
    of a body; None where Alertmanager comes first. ``when``: whether it is offered for an incident.
    ``at_once``: a button does it without a form; ``confirm`` is asked before. ``note`` stands under
    the form. ``command``: its short name on the command line. ``answers``: what the API may say of
    it, in Markdown. ``of_episode`` False: it holds
    whatever the incident did since it was on the screen. ``role``: which credentials may.
    """

    body: type[Body]
    label: str
    meaning: str
    may: str = ""
    read: Callable[[Any, Request], PersonEvent] | None = None
    fields: tuple[Field, ...] = ()
    when: Callable[[Incident], bool] = always
    at_once: bool = False
    confirm: Confirm | None = None
    note: str = ""
    submit: str = ""
    done: str = ""
    command: str = ""
    answers: str = ""
    of_episode: bool = True
    role: Role = Role.RESPONDER

    def form(self, time: Input) -> tuple[Field, ...]:
        """Return the fields that a form asks for; of a duration and a moment, the kind ``time``."""
        fields = tuple(field for field in self.fields if field.form)
        if {Input.DURATION, Input.MOMENT} <= {field.input for field in fields}:
            other = Input.MOMENT if time is Input.DURATION else Input.DURATION
            fields = tuple(field for field in fields if field.input is not other)
        return fields

    def body_of(self, values: Mapping[str, str], episode: int | None) -> Body:
        """Return the body of what was filled into a form; PayloadError with the place."""
        found: dict[str, Any] = {}
        known = {field.encode_name for field in msgspec.structs.fields(self.body)}
        inputs = {field.name: field for field in self.fields}
        for name, text in values.items():
            field = inputs.get(name)
            if name in known and (text or (field is not None and field.clears)):
                found[name] = _value(field, text)
        if self.of_episode:
            found["episode"] = episode
        return _converted(self.body, found)


def _value(field: Field | None, text: str) -> Any:
    if field is None:
        return text
    if field.input in (Input.LIST, Input.CHOICES):
        return [line for line in text.splitlines() if line.strip()]
    if field.input is Input.NUMBER:
        number = whole(text, NUMBER_MAX)
        if number is None:
            raise PayloadError(f"is not a number up to {NUMBER_MAX:,}", field.name)
        return number
    if field.input is Input.FLAG:
        return text not in ("false", "no", "off", "0")
    return text


def _converted(kind: type[B], found: dict[str, Any]) -> B:
    try:
        return msgspec.convert(found, type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        raise PayloadError(words, place.strip("`.")) from None


def read_json(kind: type[B], raw: bytes) -> B:
    """Return the body of a request; PayloadError with the place of what is wrong with it."""
    try:
        raw.decode()  # msgspec does not look into what it passes over
        body = msgspec.json.decode(raw if raw.strip() else b"{}", type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise PayloadError(f"{words} (allowed: {fields})", place.strip("`.")) from None
    except UnicodeDecodeError as error:
        found = f"0x{raw[error.start]:02x} at byte {error.start}"
        raise PayloadError(f"the body is not JSON in UTF-8: {found}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from None
    check_text("by", str(getattr(body, "by", "")), NAME_MAX)
    return body


def check_text(place: str, text: str, limit: int, *, needed: bool = False) -> str:
    """Return a text of one or more printable lines, or refuse it."""
    if needed and not text.strip():
        raise PayloadError("is missing or empty", place)
    if len(text) > limit:
        raise PayloadError(f"is longer than {limit} characters", place)
    if not all(line.isprintable() for line in text.split("\n")) or (place == "by" and "\n" in text):
        raise PayloadError("contains control or invisible characters", place)
    return text.strip()


def read_until(span: str, until: str, now: int, more: str = "") -> int:
    """Return when it ends (ms): a duration from ``now``, or an RFC 3339 time in the future.

    PayloadError for neither, both, or what is over already; ``more`` are other ways to say it.
    """
    if bool(span) == bool(until):
        raise PayloadError(
            f'say either for how long ({{"for": "1h"}}) or until when '
            f'({{"until": "2026-03-02T09:00:00Z"}}{more})'
        )
    place = "for" if span else "until"
    try:
        end = now + parse_duration(span) if span else _moment(until)
    except (ValueError, OverflowError) as error:
        raise PayloadError(str(error), place) from None
    if end <= now:
        raise PayloadError("this is not in the future", place)
    return end


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone (write for example 2026-03-02T09:00:00Z)")
    return int(moment.timestamp() * 1000)
