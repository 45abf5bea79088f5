"""``incident-manager files``: what ships beside the program, listed and copied out."""

from collections.abc import Iterable
from pathlib import Path

import click

from receiver.paths import FOR_PEOPLE, files_for_people
from receiver.text.columns import aligned


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy them into this folder, below the same names.",
)
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
def files(names: tuple[str, ...], folder: Path | None, *, force: bool) -> None:
    """List the files that ship with this program, or copy them out.

    Configurations of this service, Prometheus, Alertmanager and Slack; rules, runbooks and
    dashboards. NAME is one of the list, or a file below it; none means all.
    """
    chosen = _chosen(names)
    if folder is None:
        if force:
            raise click.UsageError("--force goes with --to FOLDER")
        _list(chosen)
        return
    try:
        _copy(chosen, folder, force=force)
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from None


def _chosen(names: Iterable[str]) -> dict[str, Path]:
    every = files_for_people()
    chosen: dict[str, Path] = {}
    for name in names:
        wanted = name.rstrip("/")
        found = {
            one: file
            for one, file in every.items()
            if one == wanted or one.startswith(f"{wanted}/")
        }
        if not found:
            raise click.ClickException(f"there is no {name} (allowed: {', '.join(FOR_PEOPLE)})")
        chosen |= found
    return chosen or every


def _list(chosen: dict[str, Path]) -> None:
    rows = []
    for name, words in FOR_PEOPLE.items():
        number = sum(one == name or one.startswith(f"{name}/") for one in chosen)
        if number:
            more = "" if name in chosen else f" ({number} files)"
            rows.append((name, f"{words}{more}"))
    for line in aligned(rows, "<<"):
        click.echo(line)
    click.echo("Copy them with: incident-manager files --to FOLDER [NAME]...")


def _copy(chosen: dict[str, Path], folder: Path, *, force: bool) -> None:
    """Copy all or nothing: what would be lost is said before anything is written."""
    texts = {folder / name: file.read_bytes() for name, file in chosen.items()}
    differ = [path for path, text in texts.items() if path.exists() and path.read_bytes() != text]
    if differ and not force:
        shown = "\n".join(f"  {path}" for path in differ)
        raise click.ClickException(
            f"these are there and differ; --force replaces them, and nothing was copied:\n{shown}"
        )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    click.echo(f"copied {len(texts)} files to {folder}")
