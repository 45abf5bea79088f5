"""The review as people write it: what they save, and who was first."""

from routing.decision import Draft
from routing.incident_parts import ReviewHead, ReviewSave
from routing.person_event import ReviewSaved
from routing.review_sections import SECTIONS, VERSIONS_MAX
from routing.rules import Rules
from routing.vocabulary import Kind, Reason


def save(draft: Draft, event: ReviewSaved, _rules: Rules) -> Reason:
    """Keep what somebody wrote as the next version, unless somebody else was first.

    Whether a section says what it said before is not known here (the texts are in the timeline):
    whoever sends it leaves out what is the same. An incident that goes on in another one keeps its
    own review.
    """
    known = draft.incident.review
    version = known.version if known is not None else 0
    if event.episode is not None and event.episode != draft.start.episode:
        return Reason.STALE
    if event.version is not None and event.version != version:
        return Reason.REVIEW_CONFLICT
    sections = {name: event.sections[name] for name in SECTIONS if name in event.sections}
    if not sections:
        return Reason.UNCHANGED
    if version >= VERSIONS_MAX:
        return Reason.TOO_MANY_VERSIONS
    by = event.actor.principal
    draft.set(review=ReviewHead(version + 1, draft.now, by))
    words = f"Review saved, version {version + 1}: {', '.join(sections)}"
    draft.keep(Kind.REVIEW_SAVED, words, event.actor, ReviewSave(version + 1, sections))
    return Reason.REVIEW_SAVED
