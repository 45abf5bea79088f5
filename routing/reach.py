"""Whether anybody was reached: an incident of which nobody could be told says so itself.

It counts from the first page of the episode until a page is delivered, a person answers, or it is
over. What is told and rings nobody (``INFORMED``) reaches nobody.
"""

from collections.abc import Iterable, Mapping

import msgspec

from routing.decision import Draft
from routing.duration import format_duration, format_moment
from routing.event import DeliveryRecovered
from routing.incident import OPEN_STATES
from routing.incident_parts import INFORMED, Page, Unreached
from routing.rules import Clock, Rules
from routing.vocabulary import Kind, Reason

WHY_MAX = 200
"""Characters of what one notifier says."""


def episode_pages(draft: Draft) -> dict[str, Page]:
    """Return the pages of this episode: older ones neither are late for it nor reached anybody."""
    opened_at = draft.incident.episode_opened_at
    pages = draft.incident.pages
    return {
        name: page for name, page in pages.items() if page.at >= opened_at and page.step != INFORMED
    }


def is_reached(pages: Mapping[str, Page], paged: Mapping[str, int]) -> bool:
    """Return whether any of these pages, or an earlier one of its episode, was delivered."""
    return any(paged.get(name, 0) >= page.since for name, page in pages.items())


def nobody_yet(
    draft: Draft, clock: Clock, paged: Mapping[str, int], errors: Mapping[str, str]
) -> None:
    """Mark the incident once every notifier asked so far has failed or is too late.

    ``paged`` is what receipts say was delivered, ``errors`` what went wrong last, by notifier.
    """
    pages = episode_pages(draft)
    given_up = all(
        page.failed_seq >= page.seq or page.at + clock.deliver_within <= draft.now
        for page in pages.values()
    )
    if pages and given_up and draft.incident.state == "triggered" and not is_reached(pages, paged):
        mark(draft, errors)


def mark(draft: Draft, errors: Mapping[str, str], *, exhausted: bool = False) -> None:
    """Note that nobody could be reached so far; ``exhausted``: and no escalation step is left."""
    pages = episode_pages(draft)
    known = draft.incident.unreached
    if known is not None and known.until:
        # Somebody was reached in this episode: receipts that were read too early say otherwise.
        return
    if known is None:
        known = Unreached(min((page.at for page in pages.values()), default=draft.now), "")
    why = known.why
    if errors or not why:
        why = "; ".join(_whys(pages, errors)) or "the escalation policy has nobody to notify"
    draft.set(unreached=Unreached(known.since, why, exhausted or known.exhausted))


def _whys(pages: Mapping[str, Page], errors: Mapping[str, str]) -> Iterable[str]:
    for name in pages:
        said = errors.get(name) or "has not confirmed the page"
        yield f"{name}: {said if len(said) <= WHY_MAX else said[: WHY_MAX - 1] + '…'}"


def delivery_recovered(draft: Draft, event: DeliveryRecovered, _rules: Rules) -> Reason:
    """A page arrived after all, or a notifier that had failed works again."""
    known = draft.incident.unreached
    waited = known is not None and not known.until
    failed = ""
    if event.failed_since:
        failed = f"it had failed since {format_moment(event.failed_since)}"
    if known is not None and waited and is_reached(episode_pages(draft), event.paged):
        draft.set(unreached=msgspec.structs.replace(known, until=draft.now))
        after = f"Reached {event.notifier} after {_span(draft.now - known.since)}"
        nobody = f"nobody could be reached since {format_moment(known.since)}"
        draft.say(Kind.REACHED, f"{after}; {failed or nobody}")
        return Reason.REACHED
    if not failed:
        return Reason.UNCHANGED
    # Nothing that is shown to people has changed: the line goes along with their next update.
    pages = draft.incident.pages
    draft.skip.update(name for name, page in pages.items() if page.step != INFORMED)
    after = _span(draft.now - event.failed_since)
    draft.say(Kind.DELIVERY_RECOVERED, f"{event.notifier} delivers again after {after}; {failed}")
    return Reason.DELIVERY_RECOVERED


def _span(length: int) -> str:
    return format_duration(max(0, length) // 1000 * 1000)


def follow(draft: Draft) -> None:
    """Take the mark away once a person has the incident, or nobody needs to have it."""
    known = draft.incident.unreached
    if known is None or known.until:
        return
    state = draft.incident.state
    by = draft.incident.acknowledged_by
    answered = state == "acknowledged" and by is not None and by.ends == "human"
    if answered or state == "snoozed" or state not in OPEN_STATES:
        draft.set(unreached=None)
