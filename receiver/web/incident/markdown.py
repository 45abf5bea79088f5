"""An incident as Markdown: to be put into a chat, a ticket or a mail, whatever its texts hold."""

from collections.abc import Iterator
from typing import Any

from receiver.text.markdown import escape_markdown

TEXT_MAX = 500
ALERTS_SHOWN, ENTRIES_SHOWN = 20, 20


def to_markdown(page: dict[str, Any], link: str, now: str) -> str:
    """Return what a page shows (as of ``now``) in a few lines; ``link`` leads to it."""
    return "\n".join(_lines(page, link, now)) + "\n"


def _lines(page: dict[str, Any], link: str, now: str) -> Iterator[str]:
    incident, holder = page["incident"], page["holder"]
    yield f"# {incident['priority']} {_text(incident['title'])}"
    yield ""
    yield f"**{incident['state']}**, opened {incident['opened']['at']}, as of {now}: <{link}>"
    yield ""
    for name, words in _facts(page):
        yield f"- {name}: {words}"
    if holder["by"] and incident["state"] == "acknowledged":
        yield f"- who has it: {_text(holder['by'])}, since {holder['at']['at']}"
    elif incident["is_open"]:
        yield "- who has it: nobody"
    for step in page["next"]["steps"]:
        yield f"- next: {step['at']['at']} {_step(step)}"
    yield from _alerts(page["alerts"])
    entries = page["timeline"]["entries"][-ENTRIES_SHOWN:]
    yield ""
    yield "## Timeline"
    yield ""
    if len(entries) < page["timeline"]["total"]:
        yield f"The latest {len(entries)} of {page['timeline']['total']} entries."
        yield ""
    for entry in entries:
        yield f"- {entry['at']} {_text(entry['kind'])}: {_text(entry['text'])}"


def _facts(page: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in page["about"]:
        yield _text(name), _text(value)
    if page["says"]:
        yield "what it says", _text(page["says"])
    yield "priority", _text(page["incident"]["reason"] or page["incident"]["priority"])
    if page["runbook"]["url"]:
        yield "runbook", f"<{page['runbook_link']}>"
    for other in page["related"]:
        yield _text(other["how"]), f"{_text(other['id'])} {_text(other['title'])}".strip()


def _step(step: dict[str, Any]) -> str:
    if not step["whom"]:
        asleep = step["clock"] == "snooze"
        return "it wakes" if asleep else _text(f"{step['clock']} deadline passes")
    whom = ", ".join(
        one["who"] + (f" ({', '.join(one['on_call'])})" if one["on_call"] else "")
        for one in step["whom"]
    )
    how = f"step {step['step']} notifies" if step["step"] else "whoever has it is asked by"
    return _text(f"{how} {whom}: {step['why']}")


def _alerts(table: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"## {table['total']} alert{'' if table['total'] == 1 else 's'}, {table['firing']} firing"
    yield ""
    common = ", ".join(f"{name}={value}" for name, value in table["labels"])
    if common:
        yield f"In common: {_text(common)}"
        yield ""
    if not table["columns"]:
        return
    yield f"| state | {' | '.join(_text(name) for name in table['columns'])} |"
    yield "|---" * (len(table["columns"]) + 1) + "|"
    for row in table["rows"][:ALERTS_SHOWN]:
        yield f"| {row['status']} | {' | '.join(_text(cell) for cell in row['cells'])} |"
    if table["total"] > ALERTS_SHOWN:
        yield ""
        yield f"and {table['total'] - ALERTS_SHOWN} more"


def _text(text: str) -> str:
    return escape_markdown(text, TEXT_MAX)
