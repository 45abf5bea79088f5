"""When an alert fires and when it is over, from copies that come late, twice and in any order.

``startsAt`` is no version number: Alertmanager lowers it itself when it joins overlapping copies,
the halves of a pair of Prometheis differ in it, and clocks are set back. So each copy is an
interval: a firing one [start, open), a resolved one [start, end], which ends the firing of its own
start and every one that began at or before its end. What began after every known end fires.
Nothing that was told began or ended much later than it was told: what says so comes from a clock
that is ahead, and counts from when it came. See docs/adr/0051-alerts-are-intervals.md.
"""

from collections.abc import Iterable

import msgspec

from routing.alert import Alert, End, Past, Start

STARTS_KEPT = 4
"""Starts that are remembered of what fires, and of what is over; one that is forgotten is new."""
ENDS_KEPT = 2
CLOCKS_DIFFER_MS = 60_000
"""What is told further ahead comes from a clock that is wrong; by less, clocks differ."""
_NEVER = End(at=0, by=0)


def join(known: Alert | None, copy: Alert, now: int) -> Alert:
    """Return what is known of an alert once a copy of it has come at ``now`` (ms).

    Whether it fires, since when, and its priority do not depend on the order in which copies come,
    nor on how often; texts are those of the newest. A copy whose start is unknown (0) is one of the
    firing that is known, or else begins now.
    """
    if known is None:
        if _is_plain(copy, now):
            return copy
    elif known.past is None and _same_times(known, copy):
        return _repeated(known, copy)
    starts, ends = _told(known)
    if copy.resolved:
        _join_end(starts, ends, copy, now)
    else:
        _join_start(starts, ends, copy, now)
    return _joined(known, copy, starts, ends)


def believe(known: Alert | None, copy: Alert, since: int, now: int) -> Alert:
    """Return the alert as firing by a copy that began before an end of it, told ``since`` (ms).

    Its start is not believed then: as far as anybody knows it began when it was first told.
    """
    joined = join(known, copy, now)
    starts, ends = _told(joined)
    at = copy.starts_at
    told = starts.get(at) or Start(at, at, copy.priority, copy.priority_reason)
    starts[at] = msgspec.structs.replace(
        told, began=max(since, _last(ends).by + 1), believed=True, over=False
    )
    return _joined(joined, copy, starts, ends)


def begun_after(alert: Alert, start: int) -> Alert:
    """Return a firing alert without what began up to ``start``: that is another firing."""
    starts, ends = _told(alert)
    later = {at: one for at, one in starts.items() if at > start or one.began <= _last(ends).by}
    return _joined(alert, alert, later, ends)


def end_now(alert: Alert, now: int, *, known: bool = True) -> Alert:
    """Return an alert as over; ``known`` False: somebody who knows says so, but not since when."""
    ends_at = now if known else 0
    over = msgspec.structs.replace(alert, resolved=True, ends_at=ends_at, past=None)
    return join(alert, over, now)


def covers(known: Alert, start: int) -> bool:
    """Return whether what began at ``start`` (ms; 0: unknown) is over, by an end that is known."""
    return 0 < start <= last_end(known) and known.resolved


def knows_start(known: Alert | None, start: int) -> bool:
    """Return whether any copy with this start came before, as far as starts are remembered."""
    return known is not None and start in _told(known)[0]


def goes_on(before: Alert | None, after: Alert) -> bool:
    """Return whether all that fired ``before`` still does: only its start has moved."""
    if after.resolved:
        return False
    if before is None or (before.past is None and after.past is None):
        return before is None or before.starts_at == after.starts_at
    (starts, ends), (later, latest) = _told(before), _told(after)
    fires = {one.at for one in _alive(later.values(), latest)}
    return all(one.at in fires for one in _alive(starts.values(), ends))


def takes_back(known: Alert | None, resolved: Alert, start: int, now: int) -> bool:
    """Return whether a resolved copy says of a firing that began at ``start`` that it is over."""
    starts, _ = _told(known)
    at, upto = _own_start(resolved), resolved.ends_at or now
    ahead = upto > _bound(upto, now) or (at in starts and starts[at].ahead)
    told = starts.get(start) or Start(start, start)
    # A late copy of what ended is no news: whatever comes later contradicts it.
    return _is_of(msgspec.structs.replace(told, believed=True), at, End(upto, upto, ahead))


def _is_of(start: Start, at: int, end: End) -> bool:
    """Return whether a resolved copy [at, end] is of this start, or spans it.

    Of what a clock told ahead nobody knows when it began: a copy of a clock that is right, and
    comes later, is of it.
    """
    doubtful = start.ahead and (start.believed or not end.ahead)
    return start.at == at or at <= start.at < end.at or doubtful


def last_end(alert: Alert | None) -> int:
    """Return when the alert was over for the last time as far as is known (ms), 0 for never."""
    if alert is None or alert.past is not None:
        return _last(_told(alert)[1]).by
    return max(alert.ends_at, alert.starts_at) if alert.resolved else _NEVER.by


def _own_start(resolved: Alert) -> int:
    """Return the start a resolved copy tells, 0 for none.

    Alertmanager and Grafana send the end in its place where they do not know it.
    """
    known = not resolved.ends_at or resolved.starts_at < resolved.ends_at
    return resolved.starts_at if known else 0


def _is_plain(copy: Alert, now: int) -> bool:
    """Return whether a first copy says all there is to know, as nearly every one does."""
    if not 0 < copy.starts_at <= now + CLOCKS_DIFFER_MS:
        return False
    return not copy.resolved or copy.starts_at < copy.ends_at <= now + CLOCKS_DIFFER_MS


def _same_times(known: Alert, copy: Alert) -> bool:
    return (
        known.starts_at == copy.starts_at > 0
        and known.resolved is copy.resolved
        and known.ends_at == copy.ends_at
        # One that tells its end in the place of its start has no start that could be the same.
        and _own_start(copy) > 0
    )


def _repeated(known: Alert, copy: Alert) -> Alert:
    """Return the copy with the most urgent priority any copy had; one that is equal costs less."""
    if known == copy:
        return known
    if copy.priority <= known.priority:
        return copy
    return msgspec.structs.replace(
        copy, priority=known.priority, priority_reason=known.priority_reason
    )


def _told(known: Alert | None) -> tuple[dict[int, Start], list[End]]:
    """Return the starts that were told, by the time the sender gave, and the latest ends."""
    if known is None:
        return {}, []
    past = known.past
    if past is not None:
        return {one.at: one for one in past.starts}, list(past.ends)
    at = known.starts_at
    starts = {at: Start(at, at, known.priority, known.priority_reason, over=known.resolved)}
    if not known.resolved:
        return starts, []
    by = max(known.ends_at, at)
    return starts, [End(by, by, told=known.ends_at > 0)]


def _last(ends: Iterable[End]) -> End:
    return max(ends, key=_place, default=_NEVER)


def _place(one: End) -> tuple[int, int]:
    return one.by, one.at


def _alive(starts: Iterable[Start], ends: Iterable[End]) -> list[Start]:
    """Return what began after all of the ends, also of those that are forgotten."""
    return [one for one in starts if not one.over and all(_is_after(one, end) for end in ends)]


def _is_after(start: Start, end: End) -> bool:
    # What one clock that is ahead told is in order; of two, what is told last counts.
    if start.ahead and end.ahead and not start.believed:
        return start.at > end.at and start.began >= end.came
    return start.began > end.by


def _bound(told: int, now: int) -> int:
    """Return what counts of a time that is told now."""
    return told if told <= now + CLOCKS_DIFFER_MS else now


def _add(starts: dict[int, Start], at: int, copy: Alert, now: int) -> None:
    known = starts.get(at)
    if known is None:
        began = _bound(at, now)
        starts[at] = Start(at, began, copy.priority, copy.priority_reason, ahead=at > began)
    elif copy.priority <= known.priority:
        starts[at] = msgspec.structs.replace(
            known, priority=copy.priority, reason=copy.priority_reason
        )


def _join_start(starts: dict[int, Start], ends: list[End], copy: Alert, now: int) -> None:
    at = copy.starts_at
    if at:
        _add(starts, at, copy, now)
        return
    alive = _alive(starts.values(), ends)
    if alive:
        _add(starts, max(alive, key=_moment).at, copy, now)
    else:
        _add(starts, max(now, _last(ends).by + 1), copy, now)


def _moment(one: Start) -> tuple[int, int]:
    return one.began, one.at


def _join_end(starts: dict[int, Start], ends: list[End], copy: Alert, now: int) -> None:
    at = _own_start(copy)
    told = copy.ends_at > 0
    if told:
        upto = max(copy.ends_at, copy.starts_at)
    elif at in starts and _goes_on(starts, ends, at):
        # Told again of a firing that had ended before what fires now began.
        upto = starts[at].began
    elif ends and not _alive(starts.values(), ends):
        # It was over before; a start that lies ahead, and is told with it, is over too.
        upto = max(_last(ends).at, at if at > _bound(at, now) else 0)
    else:
        upto = max(now, at, *starts)
    if at:
        _add(starts, at, copy, now)
    known = next((one for one in ends if one.at == upto), None)
    if known is None:
        by = _bound(upto, now)
        ahead = upto > by or (at > 0 and starts[at].ahead)
        known = End(upto, by, ahead, now if ahead else 0, told)
        ends.append(known)
    for one in list(starts.values()):
        # Also what was believed to have begun after this end: here somebody says that it is over.
        if one.began > known.by and _is_of(one, at, known):
            starts[one.at] = msgspec.structs.replace(one, began=known.by, believed=False)
    ends.sort(key=_place)
    furthest = max(ends, key=lambda one: one.at)
    del ends[:-ENDS_KEPT]
    if furthest not in ends:
        ends.insert(0, furthest)


def _goes_on(starts: dict[int, Start], ends: list[End], at: int) -> bool:
    """Return whether something fires that is not of this start, nor began before it."""
    alive = _alive(starts.values(), ends)
    return bool(alive) and all(one.at > at for one in alive)


def _joined(known: Alert | None, copy: Alert, starts: dict[int, Start], ends: list[End]) -> Alert:
    end = _last(ends)
    alive = _alive(starts.values(), ends)
    over = [msgspec.structs.replace(one, over=True) for one in starts.values() if one not in alive]
    shown = copy
    if known is not None and not _shows(known, copy, end, fires=bool(alive)):
        shown = known
    # Only what is kept says anything, or the next copy would find it changed.
    alive, over = _bounded(alive), _kept(over, ends, fires=bool(alive))
    if alive:
        counted, since = alive, alive[-1].at
    else:
        counted, since = _of_last(over, ends), max((one.at for one in over), default=0)
    lead = min(counted, key=lambda one: (one.priority, -one.at), default=None)
    return msgspec.structs.replace(
        shown,
        starts_at=since,
        resolved=not alive,
        ends_at=0 if alive or not end.told else end.at,
        priority=lead.priority if lead else shown.priority,
        priority_reason=lead.reason if lead else shown.priority_reason,
        past=_past(over + alive, ends),
    )


def _shows(known: Alert, copy: Alert, end: End, *, fires: bool) -> bool:
    """Return whether texts follow this copy: it is the newest of what is, not of what was."""
    if fires:
        return not copy.resolved
    return not known.labels or (copy.resolved and (copy.ends_at >= end.at or not copy.ends_at))


def _of_last(over: list[Start], ends: list[End]) -> list[Start]:
    """Return what the last end ended, of all that is over."""
    return [one for one in over if all(_is_after(one, end) for end in ends[:-1])] or over


def _kept(over: list[Start], ends: list[End], *, fires: bool) -> list[Start]:
    """Return the latest starts of what is over; what the last end ended stays as urgent as it was.

    While something ``fires``, that is all the same.
    """
    over = sorted(over, key=_moment)
    if fires or len(over) <= STARTS_KEPT:
        return over[-STARTS_KEPT:]
    last = _of_last(over, ends)
    before, last = [one for one in over if one not in last], _bounded(last)
    room = STARTS_KEPT - len(last)
    return sorted((before[-room:] if room else []) + last, key=_moment)


def _bounded(starts: list[Start]) -> list[Start]:
    """Return the latest starts; the urgency of those left out goes on."""
    found = sorted(starts, key=_moment)
    while len(found) > STARTS_KEPT:
        first, second = found[0], found[1]
        if first.priority < second.priority:
            second = msgspec.structs.replace(second, priority=first.priority, reason=first.reason)
        found[:2] = [second]
    return found


def _past(starts: list[Start], ends: list[End]) -> Past | None:
    """Return what the alert itself does not say, None when it says all."""
    if len(starts) == 1 and starts[0].began == starts[0].at:
        if not ends:
            return None
        (end, *more) = ends
        if not more and end == End(end.at, end.at) and end.at >= starts[0].at:
            return None
    return Past(tuple(starts), tuple(ends))
