"""What declares a maintenance, read and held against the status page."""

import uuid
from collections.abc import Sequence

import msgspec

from receiver.actions.row import NAME_MAX, TEXT_MAX, check_text
from receiver.actions.status_page import TITLE_MAX
from receiver.errors import PayloadError
from receiver.store.status.maintenance import Maintenance
from receiver.text.times import iso_ms

DAY_MS = 86_400_000
LONGEST, FARTHEST = 30 * DAY_MS, 366 * DAY_MS


class MaintenanceBody(msgspec.Struct, forbid_unknown_fields=True):
    """``start`` and ``end``: RFC 3339; ``components``: names of the status page.

    ``by`` and ``human`` as for actions.
    """

    title: str = ""
    start: str = ""
    end: str = ""
    components: list[str] = []
    text: str = ""
    by: str = ""
    human: bool | None = None


def read_maintenance(body: MaintenanceBody, known: Sequence[str], by: str, now: int) -> Maintenance:
    """Return what is declared; PayloadError with the place of what is wrong with it."""
    title = check_text("title", body.title, TITLE_MAX, needed=True)
    if "\n" in title:
        raise PayloadError("has more than one line", "title")
    text = check_text("text", body.text.replace("\r\n", "\n"), TEXT_MAX)
    check_text("by", body.by, NAME_MAX)
    if not body.components:
        raise PayloadError(f"names none; allowed: {', '.join(known)}", "components")
    for name in body.components:
        if name not in known:
            allowed = ", ".join(known)
            raise PayloadError(f"there is no component {name!r}; allowed: {allowed}", "components")
    start, end = _moment("start", body.start), _moment("end", body.end)
    if end <= start:
        raise PayloadError("is not after start", "end")
    if end <= now:
        raise PayloadError("is not in the future", "end")
    if end - start > LONGEST:
        raise PayloadError(f"is more than {LONGEST // DAY_MS} days after start", "end")
    if start > now + FARTHEST:
        raise PayloadError(f"is more than {FARTHEST // DAY_MS} days ahead", "start")
    components = tuple(name for name in known if name in body.components)
    return Maintenance(uuid.uuid4().hex, title, start, end, components, text, by, now)


def _moment(place: str, text: str) -> int:
    allowed = "allowed: a time with its zone, as 2026-03-02T09:00:00Z"
    given = text.strip()
    zoned = given.endswith(("Z", "z")) or "+" in given[10:] or "-" in given[10:]
    try:
        at = iso_ms(given) if zoned else None
    except ValueError:
        at = None
    if at is None:
        raise PayloadError(f"is {text[:40]!r}; {allowed}", place)
    return at
