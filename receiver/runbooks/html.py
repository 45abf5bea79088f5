"""A runbook's Markdown as HTML that can do nothing: no HTML of its own, no script, no odd link.

Markdown-it escapes what is HTML and makes no link of an address that a browser could run. The
page's Content-Security-Policy would stop what came through all the same.
"""

import re
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from receiver.text.markdown import without_comments

RENDERED_MAX = 100 << 10
"""Bytes of a runbook that become a page: the worst 100 KB take a second, a usual runbook 3 ms."""
CACHED = 64
_RELATIVE = re.compile(r"(?![a-zA-Z][a-zA-Z0-9+.-]*:|[/#?])")
"""An address without a scheme, host or path from the root: it leads on from where it stands."""


@lru_cache(maxsize=CACHED)
def to_html(text: str, below: int = 0, base: str = "") -> Markup:
    """Return Markdown as HTML. Takes milliseconds, up to a second: not for the event loop.

    ``below``: how many levels its headings are lowered, in a page that has its own. ``base``: what
    its relative links begin with, where it is not shown under its own address.
    """
    env = {"base": base}
    tokens = _parser.parse(without_comments(text), env)
    for token in tokens if below else ():
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + below)}"
    html = _parser.renderer.render(tokens, _parser.options, env)
    return Markup(html)  # noqa: S704 - written by the parser, see above


def _link(
    self: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    tokens[place].attrSet("rel", "noreferrer")
    target = str(tokens[place].attrGet("href") or "")
    if env.get("base") and _RELATIVE.match(target):
        tokens[place].attrSet("href", env["base"] + target)
    return self.renderToken(tokens, place, options, env)


def _image(
    self: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    # Nothing is fetched from anywhere else, so a picture is shown as the words that stand for it.
    return escapeHtml(self.renderInlineAsText(tokens[place].children or [], options, env))


def _scrolls(
    self: RendererHTML,
    tokens: Sequence[Token],
    place: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """Give what is wide to the keyboard too, which scrolls what has the focus."""
    token = tokens[place]
    if token.type == "table_open":
        token.attrSet("tabindex", "0")
        return self.renderToken(tokens, place, options, env)
    rendered = self.fence if token.type == "fence" else self.code_block
    return rendered(tokens, place, options, env).replace("<pre>", '<pre tabindex="0">', 1)


def _build() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("image", _image)
    for wide in ("fence", "code_block", "table_open"):
        parser.add_render_rule(wide, _scrolls)
    return parser


_parser = _build()
