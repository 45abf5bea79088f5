"""``completion``: what a shell needs to complete the commands; click makes it."""

import click
from click.shell_completion import get_completion_class

NAME, VARIABLE = "incident-manager", "_INCIDENT_MANAGER_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete these commands.

    \b
    bash, in ~/.bashrc:   eval "$(incident-manager completion bash)"
    zsh, in ~/.zshrc:     eval "$(incident-manager completion zsh)"
    fish, in config.fish: incident-manager completion fish | source
    """  # noqa: D301 - click's mark, and no backslash
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"{shell} is not known to click")
    root = click.get_current_context().find_root().command
    # Not ``source``: for bash that would look which version is installed here.
    made = kind(root, {}, NAME, VARIABLE)
    click.echo(made.source_template % made.source_vars())
