"""What an incident is made of besides its alerts: small frozen values, each of one kind of fact."""

import msgspec

from routing.alert import Alert, Time


class Actor(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Who did something, and through what: ``slack``, ``api``, ``pagerduty`` or ``automatic``.

    ``human`` is False for automation, whose answer is no person's. ``credential``: which one said
    that it acts for ``name``, "" where that is its own.
    """

    name: str
    via: str
    id: str = ""
    human: bool = True
    credential: str = ""

    @property
    def ends(self) -> str:
        """Return how metrics tell people from automation: ``human`` or ``automatic``."""
        return "human" if self.human and self.via != "automatic" else "automatic"

    @property
    def principal(self) -> str:
        """Return who did it: the name, and whoever vouches for it where that is another."""
        return f"{self.name} (with {self.credential})" if self.credential else self.name

    @property
    def shown(self) -> str:
        """Return it as the timeline has it: what is no person's doing says so."""
        return self.principal if self.ends == "human" else f"{self.principal} (automatic)"


AUTOMATIC = Actor(name="alerts resolved", via="automatic", human=False)


class Deadline(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A response clock: from when it runs, when it is due and how it ended (0: not yet).

    ``paused_at`` and ``remaining`` (ms, of the clock's own kind of time): it stands still.
    """

    due: Time
    met_at: Time = 0
    missed_at: Time = 0
    paused_at: Time = 0
    remaining: int = 0
    since: Time = 0

    @property
    def running(self) -> bool:
        """True until it is met or missed; a clock that stands still runs on later."""
        return not (self.met_at or self.missed_at)


INFORMED = -2
"""The step of a notifier that is told of an incident and rings nobody."""


class Page(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The wish that a notifier pages somebody (an update pages nobody).

    ``seq`` rises with each page, the receipt holds the last one delivered; ``since`` is the first
    of this episode and ``step`` the escalation step that asked for it. ``insists``: it is wanted
    although somebody acknowledged, who then answered the pages up to ``answered_seq``. ``trace``:
    that of whatever asked for it, as for incidents.
    """

    seq: int
    since: int
    step: int
    reason: str
    mention: str = ""
    at: Time = 0
    failed_seq: int = 0
    insists: bool = False
    answered_seq: int = 0
    trace: str = ""


class Unreached(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Nobody could be told of an open incident: ``since`` its first page until ``until`` (ms).

    ``why`` says of each notifier what went wrong. ``exhausted``: no escalation step is left.
    ``until`` 0: still nobody.
    """

    since: int
    why: str
    exhausted: bool = False
    until: int = 0


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an incident knows of another one that was merged into it.

    ``components``: what the other one affects on the status page, with the impact.
    """

    title: str
    priority: str
    firing: int
    components: dict[str, str] = {}


class Pin(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A priority that a person chose, which holds while no alert is more urgent than ``over``.

    ``over`` is what the alerts themselves asked for when the person decided.
    """

    priority: str
    over: str
    reason: str


class Silence(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A silence in Alertmanager that was made from this incident.

    ``matchers`` in Alertmanager's form, joined by commas; ``until`` and ``expired_at`` (0: nobody
    ended it early) in ms; ``by`` is who asked for it.
    """

    id: str
    until: Time
    matchers: str
    by: str
    cluster: str = ""
    expired_at: Time = 0


class ClockEnd(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How the clock ``name`` of an episode ended: ``met``, ``missed``, or ``void`` (not needed).

    ``due`` and ``at`` in ms; ``priority``: the one whose time it was.
    """

    episode: int
    name: str
    priority: str
    due: Time
    at: Time
    outcome: str


ITEMS_MAX = 50
"""Action items of an incident at most."""


class ActionItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something to be done so that it does not happen again; ``done_at`` 0: it is open.

    ``due_on``: by the end of which day (UTC), as 2026-03-02; "": nobody said.
    """

    number: int
    text: str
    at: Time
    by: str
    owner: str = ""
    done_at: Time = 0
    done_by: str = ""
    due_on: str = ""


class ReviewHead(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """That people wrote a review: its ``version`` counts their saves, from 1.

    What they wrote is in the timeline (``Entry.review``), so that a record weighs no more.
    """

    version: int
    at: Time
    by: str


class ReviewSave(msgspec.Struct, frozen=True, gc=False):
    """One save of a review: the sections that it changed, as they were from then on."""

    version: int
    sections: dict[str, str]


class Suspect(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A firing copy of what is over by an end that is known: an echo, or news.

    ``since``: when it was first told (ms). ``known``: its start is that of a firing that ended, so
    that it may be a late copy of a peer of Alertmanager.
    """

    alert: Alert
    since: Time
    known: bool = False


class PublicUpdate(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the status page was told at one time; ``by`` ("": by rule) is never shown there.

    ``hidden``: it was taken back, and is shown nowhere but inside.
    """

    at: Time
    status: str
    text: str
    by: str = ""
    hidden: bool = False


class Publication(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the public status page says of an incident: nothing of the incident but this.

    ``components``: name -> impact. ``episode``: the one it follows. ``titled`` and ``pinned``: a
    person chose the title, and the components with their impact. ``suffered``: the impact on those
    that a person declared operational before the end. ``hidden``: all of it is taken back.
    ``resolved_at`` 0: it goes on.
    """

    title: str
    started_at: Time
    components: dict[str, str]
    updates: tuple[PublicUpdate, ...]
    episode: int = 0
    resolved_at: Time = 0
    titled: bool = False
    pinned: bool = False
    suffered: dict[str, str] = {}
    hidden: bool = False

    @property
    def status(self) -> str:
        """Return investigating, identified, monitoring or resolved."""
        shown = [update.status for update in self.updates if not update.hidden]
        return "resolved" if self.resolved_at else (shown or ["investigating"])[-1]


class Damage(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why a record could not be read, since when that is known, and where it is kept.

    ``size``: bytes of the record; ``kept``: the key in Redis that has it, "" when it was missing.
    """

    why: str
    at: Time
    size: int = 0
    kept: str = ""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of the timeline. Its number is its place in the stored list, given by the commit.

    ``automatic``: ``by`` is no person. ``priority``: the incident's from then on. ``cause``: what
    it was, in the words of whoever resolved it. ``review``: what was written of the review.
    """

    at: Time
    kind: str
    text: str
    by: str = ""
    via: str = ""
    automatic: bool = False
    priority: str = ""
    cause: str = ""
    review: ReviewSave | None = None


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something found out about an incident beside its alerts.

    ``enricher`` says by which source, ``at`` (ms) is the time it speaks of, ``url`` shows more.
    ``points``: values at equal distances within the hour before ``at``, None where there was none.
    """

    enricher: str
    text: str
    url: str = ""
    at: Time = 0
    points: tuple[float | None, ...] = ()
