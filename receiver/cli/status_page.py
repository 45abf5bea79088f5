"""Commands for what outsiders read on the status page."""

import click

from receiver.cli.client import by_option, formats_option, token_option, url_option
from receiver.cli.incidents import act
from routing.status_rule import IMPACTS, STATUSES


@click.command("status-update")
@token_option
@url_option
@formats_option
@by_option
@click.argument("incident")
@click.option("--status", type=click.Choice(STATUSES), required=True, help="How far it is.")
@click.option("--text", default="", help="Public, word for word; a default wording without it.")
@click.option("--title", default="", help="Another public title.")
@click.option("--component", "components", multiple=True, help="What is affected; repeatable.")
@click.option("--impact", type=click.Choice(IMPACTS), help="On each of them.")
def status_update(  # noqa: PLR0913, PLR0917 - one parameter an option
    incident: str,
    by: str,
    output: str,
    url: str,
    token: str,
    status: str,
    text: str,
    title: str,
    components: tuple[str, ...],
    impact: str | None,
) -> None:
    """Tell everybody how it is, on the public status page; it counts as a status update."""
    body = {
        "by": by,
        "status": status,
        "text": text,
        "title": title,
        "components": list(components),
        "impact": impact or "",
    }
    act(incident, "status-update", body, (output, url, token))


def _switch(name: str, words: str) -> click.Command:
    @click.command(name, help=words)
    @token_option
    @url_option
    @formats_option
    @by_option
    @click.argument("incident")
    @click.option("--update", type=click.IntRange(1), help="One update (see `incidents show`).")
    def command(
        incident: str, by: str, output: str, url: str, token: str, update: int | None
    ) -> None:
        act(incident, name, {"by": by, "update": update or 0}, (output, url, token))

    return command


STATUS = (
    status_update,
    _switch("status-hide", "Take an incident, or one update of it, off the public status page."),
    _switch("status-show", "Show again what was taken off the public status page."),
)
"""To be added to the group ``incidents``."""
