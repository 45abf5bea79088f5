"""The command ``incident-manager`` with all below it; each is imported when it is used.

The server and its libraries take a second and more to import, which nobody who lists incidents
should wait for.
"""

import importlib
from typing import NamedTuple

import click
from click.shell_completion import CompletionItem


class Lazy(NamedTuple):
    """Where a command is (``module:name``), its help in one line, and commands that join it."""

    place: str
    help: str
    more: tuple[str, ...] = ()


COMMANDS = {
    "alert": Lazy("receiver.cli.incidents:alert", "Send alerts, to try things out."),
    "audit": Lazy(
        "receiver.cli.audit:audit",
        "Who did what, and who was refused: list, verify, export.",
    ),
    "changes": Lazy(
        "receiver.cli.changes:changes",
        "Deployments and configuration changes, shown beside incidents.",
    ),
    "check-config": Lazy(
        "receiver.cli.meaning.check_config:check_config",
        "Check a configuration, and show what it means.",
    ),
    "completion": Lazy(
        "receiver.cli.completion:completion", "Print what makes a shell complete these commands."
    ),
    "config": Lazy("receiver.cli.operations.config:config", "Look at the configuration in force."),
    "context": Lazy("receiver.cli.context:context", "Name services, and choose one."),
    "dead-letters": Lazy(
        "receiver.cli.operations.dead_letters:dead_letters",
        "Look at what was sent and was no alert, and send it again.",
    ),
    "explain": Lazy(
        "receiver.cli.meaning.explain_running:explain",
        "Explain how the service comes to a decision.",
        (
            "receiver.cli.meaning.explain:deadline",
            "receiver.cli.meaning.explain_status:explain_status",
        ),
    ),
    "files": Lazy("receiver.cli.files:files", "List the files that ship, or copy them out."),
    "health-check": Lazy(
        "receiver.cli.checks.health.command:health_check",
        "Look once at the service, Prometheus and backups.",
    ),
    "heartbeats": Lazy(
        "receiver.cli.operations.heartbeats:heartbeats",
        "List the heartbeats that are expected.",
    ),
    "incidents": Lazy(
        "receiver.cli.incidents:incidents",
        "Look at incidents, acknowledge and resolve them.",
        (
            "receiver.cli.incident_list:list_incidents",
            "receiver.cli.actions:COMMANDS",
        ),
    ),
    "login": Lazy("receiver.cli.access.login:login", "How people log in to the console."),
    "notify": Lazy("receiver.cli.checks.notify:notify", "Try how people are notified."),
    "oncall": Lazy(
        "receiver.cli.on_call:oncall", "Tell who is on call, as PagerDuty's schedules say."
    ),
    "pagerduty": Lazy("receiver.cli.checks.pagerduty:pagerduty", "Look at what PagerDuty needs."),
    "review": Lazy(
        "receiver.cli.review:review",
        "Show the post-incident review.",
    ),
    "routes": Lazy(
        "receiver.cli.meaning.routes:routes", "Show the routes of a configuration, and try them."
    ),
    "rules": Lazy(
        "receiver.cli.rules:rules", "Print the rules for Prometheus that ship, as one file."
    ),
    "serve": Lazy("receiver.cli.serve:serve", "Receive alerts, page people, keep the clocks."),
    "silences": Lazy(
        "receiver.cli.operations.silences:silences", "Look at silences, and end them."
    ),
    "slack": Lazy("receiver.cli.checks.slack:slack", "Look at what Slack needs."),
    "store": Lazy(
        "receiver.cli.store.command:store",
        "Check, repair, back up and restore what is stored.",
        ("receiver.cli.store.copies:COMMANDS",),
    ),
    "token": Lazy("receiver.cli.access.token:token", "Draw tokens for web.credentials."),
    "validate-metrics": Lazy(
        "receiver.cli.checks.metrics.command:validate_metrics",
        "Check that every metric is there and can be true.",
    ),
    "weekly-report": Lazy(
        "receiver.cli.checks.weekly.command:weekly_report",
        "Report a week beside the week before.",
    ),
}


class Root(click.Group):
    """Lists the commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, imported now."""
        lazy = COMMANDS.get(cmd_name)
        return load(lazy) if lazy is not None else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the commands that begin so."""
        return [
            CompletionItem(name, help=lazy.help)
            for name, lazy in sorted(COMMANDS.items())
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].help) for name in sorted(COMMANDS)])


class Joined(click.Group):
    """A group that others join, who are imported when the group itself has no such command."""

    def __init__(self, group: click.Group, places: tuple[str, ...]) -> None:
        super().__init__(group.name, group.commands, help=group.help, short_help=group.short_help)
        self._places = list(places)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all."""
        while self._places:
            self._join()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, of whoever joined as early as need be."""
        while cmd_name not in self.commands and self._places:
            self._join()
        return super().get_command(ctx, cmd_name)

    def _join(self) -> None:
        for one in _found(self._places.pop(0)):
            self.add_command(one)


def load(lazy: Lazy) -> click.Command:
    """Return a command; those that join it come when they are asked for."""
    (command,) = _found(lazy.place)
    if isinstance(command, click.Group) and lazy.more:
        return Joined(command, lazy.more)
    return command


def _found(place: str) -> tuple[click.Command, ...]:
    """Return what stands at a place: a command, or several."""
    module, _, name = place.partition(":")
    found: click.Command | tuple[click.Command, ...] = getattr(
        importlib.import_module(module), name
    )
    return found if isinstance(found, tuple) else (found,)


@click.group(
    cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="llm-incident-manager", prog_name="incident-manager")
def main() -> None:
    """Alertmanager webhook receiver and incident router."""
