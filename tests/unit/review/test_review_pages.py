"""The review as Markdown and HTML: whatever an incident holds, it is text and nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from receiver.review.build import review_of
from receiver.review.render import ReviewPages, problem_of
from receiver.text.markdown import escape_markdown
from receiver.text.visible import visible
from receiver.web.console_account import NO_ACCOUNT
from routing.incident import Incident
from routing.incident_parts import ActionItem, Entry
from routing.person_event import Acknowledged, Resolved
from tests.support.builders import alert, received
from tests.support.odd_incidents import INCIDENTS
from tests.support.reviews import ANN, fire, reviewed

NOW = 1_772_445_600_000
JOINER = "\u2060"
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
NASTY = [
    "<script>alert(1)</script>",
    "<!-- x",
    "a | b || c",
    "\\| \\\\",
    "line\nnext\r\n\r\n# head",
    "[a](https://evil.example) ![b](x)",
    "https://evil.example/?a=b www.evil.example mailto:a@evil.example",
    "<https://evil.example>",
    "**b** _i_ ~~s~~ `c` ``` $m$",
    "- item",
    "1. item",
    "12) item",
    "---",
    "===",
    "# head",
    "> quote",
    "    code",
    "@team",
    "&lt;b&gt; &#60; &amp",
    "\u202eevil \u2066 \u200b \x00 \x1b[31m \x9b31m \ud800",
    "| --- |",
    "[x] [ref]: https://evil.example",
    "{{ 7 * 7 }} {% raw %}",
    "]]> --> </style></title>",
    "\" onmouseover=alert(1) ' x",
]
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(alphabet="\\`*_{}[]()<>#+-.!|~$&;:/@=1aw \n\t\u202e\u00a0", max_size=30),
    st.lists(st.sampled_from(NASTY), max_size=4).map("".join),
    st.text(max_size=30),
)


def shown(tokens: list[Any]) -> str:
    """Return the text of inline tokens; anything but text is shown by its type, and so differs."""
    return "".join(
        token.content if token.type in ("text", "text_special") else f"<<{token.type}>>"
        for token in tokens
    ).replace(JOINER, "")


@settings(max_examples=600, deadline=None)
@given(TEXT)
def test_any_text_in_a_cell_on_a_line_and_in_a_list_is_shown_as_it_is(text: str) -> None:
    escaped = escape_markdown(text, 10_000)
    wanted = visible(text)
    found = PARSER.parse(f"| a | b |\n|---|---|\n| {escaped} | end |\n")
    cells = [token.children or [] for token in found if token.type == "inline"]
    assert [shown(cell) for cell in cells] == ["a", "b", wanted, "end"]
    if not wanted:
        return
    for prefix, kinds in (
        ("", ["paragraph_open", "inline", "paragraph_close"]),
        ("before\n\n", ["paragraph_open", "inline", "paragraph_close"] * 2),
    ):
        blocks = PARSER.parse(f"{prefix}{escaped}\n")
        assert [token.type for token in blocks] == kinds
        assert shown(blocks[-2].children or []) == wanted
    assert not re.search(r"[a-z]://|\bwww\.|(?<!&)@(?!\u2060)", escaped, re.IGNORECASE)


def test_text_is_cut_and_says_so() -> None:
    assert escape_markdown("*" * 20, 5) == "\\*" * 4 + "…"


class Page(HTMLParser):
    """Collects tags, attributes and links; nothing an incident holds may be among them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


TIMELINES = st.lists(
    st.builds(
        Entry,
        at=st.integers(1, 4_000_000_000_000),
        kind=st.sampled_from(["opened", "reopened", "note", "resolved", "acknowledged", "merged"]),
        text=TEXT,
        by=TEXT,
        via=TEXT,
        cause=TEXT,
        priority=st.sampled_from(["P1", "P4"]),
    ),
    max_size=8,
)
ITEMS = st.lists(
    st.builds(
        ActionItem,
        number=st.integers(1, 9),
        text=TEXT,
        at=st.just(1),
        by=TEXT,
        owner=TEXT,
        done_at=st.integers(0, 1),
        done_by=TEXT,
    ),
    max_size=3,
)
PAGES = ReviewPages(None, "https://im.example")
OURS = ("/", "https://im.example/", "https://im.example")


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(INCIDENTS, TIMELINES, ITEMS, TEXT)
def test_any_incident_makes_whole_and_harmless_pages(
    incident: Incident, timeline: list[Entry], items: list[ActionItem], labels: str
) -> None:
    runbook = incident.runbook_url if incident.runbook_url.startswith("https://wiki") else labels
    found = msgspec.structs.replace(incident, action_items=tuple(items), runbook_url=runbook)
    review = review_of(found, timeline, {}, NOW)
    text = PAGES.markdown(review)
    assert all(char.isprintable() or char in ("\n", JOINER) for char in text)
    tokens = PARSER.parse(text)
    assert not [token for token in tokens if token.type.startswith(("html", "code", "fence"))]
    inner = [child for token in tokens for child in token.children or []]
    assert not [child for child in inner if child.type in ("html_inline", "image")]
    links = [child.attrs.get("href", "") for child in inner if child.type == "link_open"]
    assert all(str(link).startswith(("https://im.example/", "https://wiki")) for link in links)
    rows = sum(token.type == "tr_open" for token in tokens)
    assert rows >= len(timeline) + len(incident.alerts) + 4
    for page in (
        PAGES.document(review),
        PAGES.page(
            review, prefix="", said="", now="", person="", name="", responds=True, **NO_ACCOUNT
        ),
    ):
        seen = Page(page)
        assert not seen.tags & {"script", "img", "iframe", "object", "svg"}
        assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
        assert all(link.startswith((*OURS, "https://wiki")) for link in seen.links), seen.links
        words = "".join(seen.text)
        assert all(char.isprintable() or char == "\n" for char in words)
        assert [line for line in timeline if visible(line.text) not in words] == []


def test_headings_come_in_the_order_people_read_them() -> None:
    review, _ = reviewed((0, fire()), at=10)
    text = PAGES.markdown(review)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Impact",
        "Times",
        "Causes",
        "Who responded",
        "What was tried",
        "Alerts",
        "Escalation and deliveries",
        "Lessons",
        "Action items",
        "Timeline",
    ]
    assert "**It is still open** (triggered): what follows is as of 2026-03-02T10:10:00Z" in text
    page = "".join(Page(PAGES.document(review)).text)
    assert "It is still open: what follows is as of 2026-03-02T10:10:00Z" in page
    assert "not yet" in page


def test_of_very_many_alerts_the_first_are_shown() -> None:
    alerts = [alert(f"{number:04}") for number in range(203)]
    review, _ = reviewed((0, received(*alerts)))
    text = PAGES.markdown(review)
    assert text.count("| HighErrorRate | P1 | firing |") == 200
    assert "and 3 more, in the JSON." in text
    assert "and 3 more, in the JSON." in PAGES.document(review)
    assert len(review.alerts) == 203


def test_a_saved_page_brings_its_style_and_needs_nothing_else() -> None:
    review, _ = reviewed((0, fire()))
    page = PAGES.document(review)
    seen = Page(page)
    assert "link" not in seen.tags
    assert {"form", "input", "button"} & seen.tags == set()
    assert "@media print" in page
    assert "sha256-" in PAGES.document_policy


def test_a_template_of_ones_own_is_used_and_escapes_by_itself(tmp_path: Path) -> None:
    (tmp_path / "review.md.j2").write_text(
        "{% macro bold(text) %}**{{ text }}**{% endmacro %}"
        "Ours: {{ bold(review.episodes[0].cause) }}, {{ review.mtta | span }}\n"
    )
    review, _ = reviewed(
        (0, fire()), (7, Acknowledged(ANN)), (9, Resolved(ANN, None, "a | <b> *c*"))
    )
    pages = ReviewPages(str(tmp_path))
    assert pages.markdown(review) == "Ours: **a \\| &lt;b&gt; \\*c\\***, 7m\n"
    # The other template stays ours.
    assert "Post-incident review" in pages.document(review)


def test_a_template_that_fails_gives_ours_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    review, _ = reviewed((0, fire()))
    usual = PAGES.markdown(review).replace("https://im.example", "")
    for wrong in (
        "{{ review.nothing }}",
        "{{ review.title + 1 }}",
        "{{ 1 // 0 }}",
        "{{ '%(x)s' | format(y=1) }}",
    ):
        (tmp_path / "review.md.j2").write_text(wrong)
        caplog.clear()
        text = ReviewPages(str(tmp_path)).markdown(review)
        assert text.splitlines()[0] == usual.splitlines()[0]
        assert "review.md.j2 of review.templates" in caplog.text


def test_a_template_cannot_reach_out_of_the_sandbox(tmp_path: Path) -> None:
    review, _ = reviewed((0, fire()))
    (tmp_path / "review.md.j2").write_text("{{ review.__class__.__mro__ }}")
    assert "class" not in ReviewPages(str(tmp_path)).markdown(review)


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    assert "holds neither of review.md.j2, review.html.j2" in problem_of(str(tmp_path / "none"))
    (tmp_path / "review.html.j2").write_text("ok\n{% if %}\n")
    assert problem_of(str(tmp_path)).startswith("review.html.j2:2: ")
    (tmp_path / "review.html.j2").write_bytes(b"\xff\xfe")
    assert "cannot be read" in problem_of(str(tmp_path))
    (tmp_path / "review.html.j2").write_text("{{ review.title }}")
    assert problem_of(str(tmp_path)) == ""
