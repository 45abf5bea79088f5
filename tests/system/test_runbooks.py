"""Every command of a runbook that is about this service runs, in the state its alert describes."""

import json
import os
from pathlib import Path

import pytest

from tests.support.runbook_commands import OWN, RUNBOOKS, Command, commands_of, run
from tests.support.runbook_worlds import WORLDS, plan


def test_no_command_is_left_out_without_a_reason() -> None:
    """Each is run in a world, or cannot be the same on every machine."""
    planned = {command for commands in plan().values() for command in commands}
    every = {command for file in OWN for command in commands_of(file)}
    assert len(every) > 100
    assert {one for one in every if one not in planned} == {one for one in every if one.elsewhere}
    assert all(plan().values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(WORLDS))
async def test_every_command_runs_in_the_state_its_alert_describes(
    name: str, tmp_path: Path
) -> None:
    if name == "full" and os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("only root mounts")
    async with WORLDS[name](tmp_path) as world:
        for command in plan()[name]:
            await world.run(command)
        assert not world.wrong, "\n".join(world.wrong)


def test_no_runbook_names_this_machine() -> None:
    files = sorted(RUNBOOKS.rglob("*.md"))
    for file in files:
        assert "localhost" not in file.read_text(), file
    # What this service is not of is no business of its address.
    others = [file for file in files if file not in OWN]
    assert not [file for file in others if "$INCIDENT_MANAGER_URL" in file.read_text()]
    assert len(others) > 80


async def test_the_metadata_of_a_counter_are_found_by_its_name(tmp_path: Path) -> None:
    """The seventh debugging command of the operational runbook, as it is written there."""
    text = (
        "curl http://prometheus:9091/api/v1/metadata?metric=llm_integration_requests_total | jq ."
    )
    async with WORLDS["down"](tmp_path) as world:
        values = {"prometheus:9091": world.env["PROMETHEUS_URL"].removeprefix("http://")}
        ran = await run(Command("000", text), tmp_path, values, {})
    (found,) = json.loads(ran.printed)["data"]["llm_integration_requests_total"]
    assert found["type"] == "counter"
    assert "requests" in found["help"].lower()
