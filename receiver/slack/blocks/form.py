"""The window of an action, made of its row: what a face has to ask is written there alone.

Limits: docs.slack.dev, "Views" (title, submit and close 24 characters, private_metadata 3,000) and
"Block Kit" (labels 2,000, placeholders 150, options 100 of 75 characters). The id of an input block
is the place that a refusal of its value names, so that what is wrong is said beside it.
"""

from collections.abc import Callable, Mapping, Sequence

from slack_sdk.models.blocks import (
    DatePickerElement,
    DateTimePickerElement,
    InputInteractiveElement,
    Option,
    StaticMultiSelectElement,
    StaticSelectElement,
)

from receiver.actions.row import Field, Input
from receiver.slack.blocks.modal_parts import (
    VALUE,
    Block,
    View,
    about,
    context,
    field,
    line,
    lines,
    modal,
    option,
    origin_of,
    plain_text,
    somebody,
)
from receiver.slack.blocks.verbs import form_of, row_of
from routing.incident import Incident

Choice = tuple[str, str]
"""A value, and its words."""
OPTIONS_MAX = 100
DURATIONS: tuple[Choice, ...] = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("2h", "2 hours"),
    ("8h", "8 hours"),
    ("1d", "1 day"),
    ("7d", "7 days"),
)
_USUAL = "1h"
_CHOOSE_ONE = "Choose one"
_YES_OR_NO: tuple[Choice, ...] = (("true", "Yes"), ("false", "No"))


def form(  # noqa: PLR0913 - what a window may have beside its row
    name: str,
    incident: Incident,
    channel: str,
    *,
    initial: Mapping[str, str] | None = None,
    choices: Mapping[str, Sequence[Choice]] | None = None,
    before: Sequence[Block] = (),
    after: Sequence[Block] = (),
) -> View:
    """Return the window of a verb.

    ``initial`` is what its fields hold at first, ``choices`` what those may be that only the
    service knows; ``before`` and ``after`` are blocks around the fields.
    """
    row, filled, offered = row_of(name), initial or {}, choices or {}
    blocks = [about(incident), *before]
    for one in form_of(row):
        element = _element(one, filled.get(one.name, ""), offered.get(one.name, one.choices))
        optional = not (one.needed or one.insist)
        blocks.append(field(one.name, one.label, element, optional=optional))
    if row.note:
        blocks.append(context(row.note))
    blocks += after
    submit = row.submit or row.label
    return modal(name, row.label, submit, blocks, origin_of(incident, channel))


def _element(one: Field, initial: str, choices: Sequence[Choice]) -> InputInteractiveElement:
    if one.input in _CHOOSE:
        return _CHOOSE[one.input](one, initial, choices)
    if one.input is Input.PERSON:
        return somebody()
    if one.input is Input.MOMENT:
        at = int(initial) if initial else None
        return DateTimePickerElement(action_id=VALUE, initial_date_time=at)
    if one.input is Input.DAY:
        return DatePickerElement(action_id=VALUE, placeholder=plain_text("Choose a day"))
    filled = initial if len(initial) <= one.most else ""
    if one.input in (Input.LINES, Input.LIST):
        return lines(one.hint, filled)
    return line(one.hint, one.most, filled)


def select(choices: Sequence[Choice], initial: str = "", hint: str = "") -> StaticSelectElement:
    """Return a menu of which one is chosen; ``hint`` stands there while none is."""
    options = _options(choices)
    chosen = next((shown for shown in options if shown.value == initial), None)
    return StaticSelectElement(
        action_id=VALUE,
        options=options,
        initial_option=chosen,
        placeholder=None if chosen else plain_text(hint or _CHOOSE_ONE),
    )


def _one(one: Field, initial: str, choices: Sequence[Choice]) -> StaticSelectElement:
    return select(choices, initial, one.hint)


def _several(one: Field, initial: str, choices: Sequence[Choice]) -> StaticMultiSelectElement:
    options, wanted = _options(choices), initial.splitlines()
    return StaticMultiSelectElement(
        action_id=VALUE,
        options=options,
        initial_options=[shown for shown in options if shown.value in wanted],
        placeholder=plain_text(one.hint or _CHOOSE_ONE),
    )


def _options(choices: Sequence[Choice]) -> list[Option]:
    return [option(words, value) for value, words in choices[:OPTIONS_MAX]]


def _duration(one: Field, initial: str, _choices: Sequence[Choice]) -> StaticSelectElement:
    return select(DURATIONS, initial or _USUAL, one.hint)


def _flag(one: Field, initial: str, _choices: Sequence[Choice]) -> StaticSelectElement:
    return select(_YES_OR_NO, initial or "false", one.hint)


_CHOOSE: Mapping[Input, Callable[[Field, str, Sequence[Choice]], InputInteractiveElement]] = {
    Input.CHOICE: _one,
    Input.INCIDENT: _one,
    Input.CHOICES: _several,
    Input.DURATION: _duration,
    Input.FLAG: _flag,
}
