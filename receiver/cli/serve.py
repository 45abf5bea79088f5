"""``incident-manager serve``: runs the service until a signal ends it."""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from receiver.aio.off_the_loop import give_way_soon
from receiver.app.memory import collect_seldom, keep_little, spare_what_is_there
from receiver.app.processes.answers import answer_parent
from receiver.app.processes.part import Part, part_of_environment
from receiver.app.processes.run import run_parent
from receiver.app.processes.supervisor import Supervisor
from receiver.app.reload import Read
from receiver.app.routes import VERSION
from receiver.app.service import Service
from receiver.audit.notes import note_bad_configuration, note_doubts, note_start, note_stop
from receiver.cli.client import DEFAULT_URL
from receiver.cli.config_option import chosen_file, file_option
from receiver.cli.hangups import Hangups
from receiver.errors import ConfigError, IncidentManagerError
from receiver.observability.logs import LEVELS, setup_logging
from receiver.proxies import proxy_secrets
from receiver.secrets import redact
from receiver.settings.load import Loaded, read_settings
from receiver.settings.schema import secret_values
from receiver.templates import prepare
from routing.duration import format_duration


@click.command()
@file_option
@click.option("--storage.path", "storage_path", help="Where the embedded store keeps its data.")
@click.option("--web.listen-address", "listen_address", help="host:port of the API.")
@click.option(
    "--web.external-url", "external_url", help="How others reach it, with a path if need be."
)
@click.option(
    "--web.route-prefix", "route_prefix", help="Path before every route [default: that of the URL]."
)
@click.option(
    "--processes", type=int, help="How many processes serve (web.processes) [default: 1]."
)
@click.option("--log.level", "log_level", type=click.Choice(LEVELS), help="How much is logged.")
@click.option("--log.format", "log_format", type=click.Choice(["auto", "json", "console"]))
def serve(config_file: Path | None, processes: int | None, **flags: str | None) -> None:
    """Receive alerts, page people, keep the clocks."""
    given = {
        "storage.path": flags["storage_path"],
        "web.listen_address": flags["listen_address"],
        "web.external_url": flags["external_url"],
        "web.route_prefix": flags["route_prefix"],
        "log.level": flags["log_level"],
        "log.format": flags["log_format"],
        "web.processes": None if processes is None else str(processes),
    }
    file = chosen_file(config_file)

    def reread() -> Loaded:
        found = read_settings(file, os.environ, given)
        redact([*secret_values(found.settings), *proxy_secrets()])
        return found

    supervisor, part = Supervisor(os.environ), Part()
    try:
        part = part_of_environment()
        loaded = reread()
    except IncidentManagerError as error:
        # A person at a terminal is told anyway.
        if part.alone and not sys.stderr.isatty():
            setup_logging("info", "auto")
            note_bad_configuration(str(error))
        raise _ended(part, error) from None
    settings = loaded.settings
    many = settings.web.processes > 1
    name = ("parent" if part.alone else str(part.number)) if many else ""
    setup_logging(settings.log.level, settings.log.format, process=name)
    if part.alone:
        note_start(VERSION, str(file))
        note_doubts(loaded.warnings)
    try:
        if many and part.alone:
            asyncio.run(run_parent(settings, part.handed, supervisor))
        else:
            _run(loaded, reread, part, supervisor)
    except ConfigError as error:
        if part.alone and not sys.stderr.isatty():
            note_bad_configuration(str(error))
        raise _ended(part, error) from None
    except IncidentManagerError as error:
        raise _ended(part, error) from None
    if part.alone:
        note_stop()


def _ended(part: Part, error: IncidentManagerError) -> Exception:
    """Return what ends the process; of several the parent says why, once."""
    return click.exceptions.Exit(1) if part.fail(str(error)) else click.ClickException(str(error))


def _run(loaded: Loaded, reread: Read, part: Part, supervisor: Supervisor) -> None:
    prepare()
    collect_seldom()
    give_way_soon()
    keep_little()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(loaded, reread, part, supervisor))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's event loop where there is one (Windows has none)."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(loaded: Loaded, reread: Read, part: Part, supervisor: Supervisor) -> None:
    stop, hurry, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        # A person who presses Ctrl-C waits for no load balancer.
        hurry.set()
        stop.set()

    def terminated() -> None:
        (hurry if stop.is_set() else stop).set()

    def replaced() -> None:
        leave.set()
        interrupted()

    service = Service(loaded.settings, read=reread, part=part)
    service.exposed, service.lines = loaded.exposed, loaded.lines
    reloads = Hangups(supervisor.reloading(service.reload))
    handlers = {"SIGINT": interrupted, "SIGTERM": terminated, "SIGHUP": reloads.hang_up}
    for name, handler in handlers.items():
        # Windows has no SIGHUP, and handles none on a loop.
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), handler)
    answer_parent(service, lambda now: interrupted() if now else stop.set(), replaced)
    await service.start()
    spare_what_is_there()
    try:
        supervisor.ready(f"Answering on port {service.api_port}")
        service.life.beside(supervisor.watch())
        reloads.begin()
        if part.alone:
            click.echo(_welcome(service), err=True)
        part.say("ready", _welcome(service))
        await stop.wait()
        supervisor.stopping()
        reloads.end()
        if leave.is_set():
            await service.leave()
        await _retire(service, hurry)
        if part.alone:
            click.echo("Stopping: finishing what is under way ...", err=True)
    finally:
        await service.stop()
    if part.alone:
        click.echo("Stopped. Nothing was lost; start it again whenever you like.", err=True)


async def _retire(service: Service, hurry: asyncio.Event) -> None:
    """Be unready while still serving, so that whoever looks at that sends nothing more here."""
    service.retire()
    delay = service.settings.web.shutdown_delay
    if delay and not hurry.is_set():
        if service.part.alone:
            click.echo(
                f"Not ready any more; serving for another {format_duration(delay)} ...", err=True
            )
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), delay / 1000)


def _welcome(service: Service) -> str:
    web = service.settings.web
    scheme = "http" if web.tls_server_config is None else "https"
    base = f"{scheme}://localhost:{service.api_port}{web.served_under[0]}"
    usual = base == DEFAULT_URL.replace("127.0.0.1", "localhost")
    where = "" if usual else f" --url {base}"
    command = Path(service.part.program)
    shown = command if not command.is_absolute() else _short(command)
    kinds = {config.type for config in service.settings.notifiers.values()}
    names = ", ".join(service.settings.notifiers)
    problem = service.conditions.unready()
    ready = f"is NOT READY: {problem}" if problem else "is ready."
    lines = [
        "",
        f"LLM Incident Manager {VERSION} {ready}",
        f"  alerts     POST {base}/v1/alerts/webhook   (alertmanager.yml points here)",
        f"  console    {base}/",
    ]
    if service.metrics_port:
        scheme = "http" if web.metrics_tls_server_config is None else "https"
        lines.append(f"  metrics    {scheme}://localhost:{service.metrics_port}/metrics")
    if service.status_port or service.status_page.enabled:
        scheme = "http" if service.settings.status_page.tls_server_config is None else "https"
        page = f"{scheme}://localhost:{service.status_port}" if service.status_port else base
        lines.append(f"  public     {page}/status")
    durability = service.server_watch.durability
    if durability.problem:
        lines.append(f"  store      WARNING: {durability.problem}")
    if web.processes > 1:
        lines.append(f"  processes  {web.processes}")
    lines.append(f"  notifiers  {names}")
    if kinds == {"log"}:
        lines.append(
            "             (pages are printed here; README tells how to add Slack, PagerDuty)"
        )
    lines += [
        "",
        "Next, in another terminal, fire an alert, look at it, and take it:",
        f"  {shown} alert send SampleAlert severity=critical system=incident-manager{where}",
        f"  {shown} incidents list{where}",
        f"  {shown} incidents ack ID{where}       (or press Acknowledge in the console)",
        "Ctrl-C stops; what was accepted is kept.",
        "",
    ]
    return "\n".join(lines)


def _short(command: Path) -> Path:
    with contextlib.suppress(ValueError):
        return command.relative_to(Path.cwd())
    return command
