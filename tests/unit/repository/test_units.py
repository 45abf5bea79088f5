"""The units for systemd say what the program does."""

from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from receiver.app.processes.parent import STOP_S
from receiver.cli.root import main
from receiver.http.config import WebConfig
from receiver.http.ports import BACKLOG, PORTS
from receiver.store.server.startup import START_WITHIN_S
from tests.support.places import ROOT


def unit(kind: str) -> Any:
    """Return the sections of a unit; of several lines of one name the last."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((ROOT / "deploy" / f"incident-manager.{kind}").read_text())
    return parser


def test_the_socket_is_the_one_that_the_configuration_names_by_default() -> None:
    socket = unit("socket")["Socket"]
    assert socket["FileDescriptorName"] in PORTS
    assert socket["ListenStream"] == WebConfig().listen_address
    assert int(socket["Backlog"]) == BACKLOG
    assert "Accept" not in socket


def test_the_service_is_started_with_flags_that_there_are() -> None:
    service = unit("service")["Service"]
    program, command, *flags = service["ExecStart"].split()
    assert Path(program).name == "incident-manager"
    shown = CliRunner().invoke(main, [command, "--help"]).output
    for flag in flags:
        assert flag.partition("=")[0] in shown
    assert f"/var/lib/{service['StateDirectory']}" in service["ExecStart"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    # The embedded server is ended by the service alone.
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > STOP_S
    assert int(service["TimeoutStartSec"]) > START_WITHIN_S
    assert unit("service")["Unit"]["Requires"] == "incident-manager.socket"
