"""The command that prints or saves a post-incident review."""

from pathlib import Path

import click

from receiver.cli.client import address_of, call_text, token_option, url_option


@click.command("review")
@click.argument("incident")
@click.option(
    "-o",
    "--format",
    "shape",
    type=click.Choice(["markdown", "html", "json"]),
    default="markdown",
    show_default=True,
    help="html needs nothing else: it can be sent and printed.",
)
@click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write it there; it is printed otherwise.",
)
@url_option
@token_option
def review(incident: str, shape: str, file: Path | None, url: str, token: str) -> None:
    """Show the post-incident review: times, impact, what was tried, what is to be done."""
    text = call_text(url, token, address_of("incidents", incident, "review"), {"format": shape})
    if file is None:
        click.echo(text.rstrip("\n"))
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{file}: the review of {incident}", err=True)
