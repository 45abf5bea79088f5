"""The review as Markdown and as a page, from templates that may be replaced.

Whatever a template prints is text: escaped for Markdown or HTML, on one line, without control and
bidirectional characters. A template of one's own cannot forget that.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from receiver.paths import templates_folder
from receiver.review.model import Review
from receiver.templates import read_asset, style_source
from receiver.text.markdown import escape_markdown
from receiver.text.times import day_of, rfc3339
from receiver.text.visible import visible
from routing.duration import format_duration
from routing.runbook import is_link

log = logging.getLogger("review")

MARKDOWN, PAGE = "review/review.md.j2", "review/review.html.j2"
CUT = 2_000
_NO_CUT = 1_000_000
ALERTS_SHOWN = 200
NONE = "\N{EN DASH}"


class ReviewPages:
    """Renders reviews; ``folder`` (``review.templates``) may replace either template."""

    def __init__(self, folder: str | None = None, base: str = "") -> None:
        """``base``: the service's address for people, to which saved pages link."""
        self._folder = folder or ""
        self._base = base

    def markdown(self, review: Review) -> str:
        """Return the review as Markdown."""
        return self._render(MARKDOWN, review=review, url=self._url(review)) + "\n"

    def page(self, review: Review, **values: Any) -> str:
        """Return the review as a page of the console; ``values``: what its base wants."""
        today = day_of(review.made_at)
        url = self._url(review)
        return self._render(PAGE, review=review, url=url, style="", today=today, **values)

    def document(self, review: Review) -> str:
        """Return the review as a page that needs nothing else, to be saved or sent."""
        return self._render(
            PAGE,
            review=review,
            url=self._url(review),
            style=Markup(read_asset("style.css")),  # noqa: S704 - our own file
            prefix=self._base,
            today=day_of(review.made_at),
            said="",
            now=rfc3339(review.made_at),
            person="",
            name="",
            responds=False,
            account="",
            has_session=False,
            csrf="",
        )

    @property
    def document_policy(self) -> str:
        """Return the Content-Security-Policy of ``document``: its style sheet, nothing else."""
        return f"default-src 'none'; style-src {style_source()}; base-uri 'none'"

    def _url(self, review: Review) -> str:
        return f"{self._base}/incidents/{review.id}/review"

    def _render(self, template: str, /, **values: Any) -> str:
        try:
            return self._own[template].get_template(template).render(**values).strip()
        except Exception as error:
            # A template of one's own may fail in any way. Whoever asks gets a review all the same.
            if not self._folder:
                raise
            log.error("%s of review.templates: %s; ours is used", Path(template).name, error)  # noqa: TRY400 - the template's fault, no stack of ours
            return _shipped[template].get_template(template).render(**values).strip()

    @cached_property
    def _own(self) -> dict[str, Environment]:
        return _environments(self._folder)


def problem_of(folder: str) -> str:
    """Return what is wrong with a folder of templates, "" when nothing is."""
    names = [Path(name).name for name in (MARKDOWN, PAGE)]
    if not any((Path(folder) / name).is_file() for name in names):
        return f"holds neither of {', '.join(names)}"
    for template, environment in _environments(folder).items():
        try:
            environment.get_template(template)
        except TemplateError as error:
            line = f":{error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            return f"{Path(template).name}{line}: {error.message}"
        except (OSError, UnicodeDecodeError) as error:
            return f"{Path(template).name} cannot be read: {error}"
    return ""


def _environments(folder: str) -> dict[str, Environment]:
    return {
        MARKDOWN: _environment(folder, _to_markdown, lambda line: escape_markdown(line, _NO_CUT)),
        PAGE: _environment(folder, _to_html, lambda line: str(escape(visible(line)))),
    }


def _environment(folder: str, finalize: Any, escaped: Callable[[str], str]) -> Environment:
    """Return an environment that prints nothing as it is; ``escaped(line)``: a whole line, safe.

    Autoescape is on for both, so that what a macro returns is known to be escaped already.
    """
    shipped = FileSystemLoader(templates_folder())
    own = [_Replaced(folder)] if folder else []
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([*own, shipped]),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"time": _time, "span": _span, "words": _words, "linked": _linked}
    environment.filters["paragraphs"] = lambda text: _paragraphs(text, escaped)
    environment.globals |= {"shown": ALERTS_SHOWN}
    environment.tests["link"] = lambda text: is_link(text)  # noqa: PLW0108 - a cached function is of another type
    return environment


class _Replaced(FileSystemLoader):
    """Finds ``review/review.md.j2`` as ``review.md.j2`` of a folder; nothing else is replaced."""

    def get_source(self, environment: Environment, template: str) -> Any:
        return super().get_source(environment, template.removeprefix("review/"))


def _to_markdown(value: Any) -> Any:
    # A value that is missing stays so: printing it is the error that names it.
    if isinstance(value, Markup | StrictUndefined):
        return value
    return Markup(escape_markdown(str(value), CUT))  # noqa: S704 - escaped just here


def _to_html(value: Any) -> Any:
    if isinstance(value, Markup | StrictUndefined):
        return value
    shown = visible(str(value))
    return shown if len(shown) <= CUT else f"{shown[: CUT - 1]}…"


def _paragraphs(text: str, escaped: Callable[[str], str]) -> list[list[Markup]]:
    """Return what people wrote on several lines: paragraphs of lines, each of them whole."""
    found: list[list[Markup]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(Markup(escaped(line)))  # noqa: S704 - escaped just here
        elif found[-1]:
            found.append([])
    return [lines for lines in found if lines]


def _time(at: int) -> str:
    """Return a time (ms) as RFC 3339 UTC to the second, an en dash for none."""
    return f"{(rfc3339(at) or '')[:19]}Z" if at else NONE


def _span(length: int | None) -> str:
    """Return a duration (ms) in whole seconds, an en dash for none."""
    return NONE if length is None else format_duration(length // 1000 * 1000)


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _linked(url: str) -> Markup:
    """Return an address as a link in Markdown; what is no address of the web stays text."""
    if not is_link(url) or set(url) & set("<>\\"):
        return Markup(escape_markdown(url, CUT))  # noqa: S704 - escaped just here
    # A bar would end the cell of a table.
    return Markup(f"<{url.replace('|', '%7C')}>")  # noqa: S704 - between these nothing else counts


_shipped = _environments("")
