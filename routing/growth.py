"""A group that grows: whoever has it hears of each alert that joins, and is paged when it is much.

``doubled`` compares what fires with what fired at the last page, so that a storm of a thousand
alerts pages some ten times at most; what flaps pages none of them until it is quiet.
"""

from routing.decision import Draft
from routing.escalation import count_firing, page_again
from routing.flapping import count_change
from routing.rules import Repage, Rules
from routing.vocabulary import Kind, PageReason, Timer

AT_LEAST = 2
"""So many more have to fire for ``doubled``: of one alert the second is said, the third pages."""


def page_growth(
    draft: Draft, rules: Rules, *, after_silence: bool = False, calm: bool = False
) -> None:
    """Page again for a group that grew as the policy says; whoever has it keeps it.

    ``after_silence``: something new fires of what nobody had reported for long. ``calm``: this is
    what flapping held back, and no further change.
    """
    clock = rules.clocks[draft.incident.priority]
    repage = clock.repage
    asleep = draft.incident.state == "snoozed" or Timer.QUIET in draft.incident.timers
    if repage is None or asleep or draft.incident.flapping:
        return
    reason = PageReason.AFTER_SILENCE if after_silence else PageReason.GROWN
    words = "Something new fires after a long silence" if after_silence else _grown(draft, repage)
    if not words:
        return
    draft.say(Kind.GROWN, words)
    page_again(draft, clock, reason)
    if not calm:
        count_change(draft, rules)


def _grown(draft: Draft, repage: Repage) -> str:
    """Return how much it grew, "" when that is not enough to page."""
    joined = draft.incident.grown
    if repage.when is not None:
        enough = repage.when.holds({}, {"new_alerts": str(joined)}, 0)
        return f"{joined} more alerts since the last page" if enough else ""
    # While the policy asks on by itself, somebody's phone rings already.
    asking = draft.incident.state == "triggered" and _ASKS & draft.incident.timers.keys()
    if not repage.doubled or asking:
        return ""
    firing = count_firing(draft)
    told = draft.incident.told_firing or max(firing - joined, 1)
    enough = firing >= max(2 * told, told + AT_LEAST)
    return f"{firing} alerts fire now, {told} when it was last paged" if enough else ""


_ASKS = frozenset({Timer.ACKNOWLEDGE, Timer.ESCALATE})
