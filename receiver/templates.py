"""Templates: Jinja2, sandboxed. HTML is escaped here; text for Slack arrives escaped."""

import base64
import hashlib
from functools import cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from receiver.paths import templates_folder
from routing.links import named


class _Environment(ImmutableSandboxedEnvironment):
    """Looks into a mapping first where it has no method of that name.

    What templates show is in dicts: as attributes each costs an exception before it is found, which
    was two fifths of a page.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return ``obj.attribute``, or what it has under this name."""
        if type(obj) is dict and attribute not in _METHODS and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


_METHODS = frozenset(dir(dict))


@cache
def _environment() -> _Environment:
    made = _Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        keep_trailing_newline=False,
    )
    made.filters["named"] = named
    return made


def prepare() -> None:
    """Make all templates ready that this module fills: the first page would hold everybody up."""
    environment = _environment()
    for name in environment.list_templates(extensions=["j2"]):
        # Reviews have filters of their own.
        if not name.startswith("review/"):
            environment.get_template(name)


def render(template: str, **values: Any) -> str:
    """Return a template filled with ``values``; a value that is missing is an error."""
    return _environment().get_template(template).render(**values).strip()


@cache
def read_asset(name: str, folder: str = "console") -> str:
    """Return a file beside the templates that is served as it is."""
    return (templates_folder() / folder / name).read_text(encoding="utf-8")


@cache
def style_source(folder: str = "console") -> str:
    """Return the source by which a Content-Security-Policy allows the style sheet in a page."""
    digest = hashlib.sha256(read_asset("style.css", folder).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@cache
def assets_version() -> str:
    """Return a word that is another one whenever the console's scripts or styles are others."""
    files = sorted((templates_folder() / "console").iterdir())
    return hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=6).hexdigest()
