"""Templates: Jinja2, sandboxed. HTML is escaped here; text for Slack arrives escaped."""

from functools import cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from receiver.paths import templates_folder


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        keep_trailing_newline=False,
    )


def render(template: str, **values: Any) -> str:
    """Return a template filled with ``values``; a value that is missing is an error."""
    return _environment().get_template(template).render(**values).strip()


@cache
def read_asset(name: str, folder: str = "console") -> str:
    """Return a file beside the templates that is served as it is."""
    return (templates_folder() / folder / name).read_text(encoding="utf-8")
