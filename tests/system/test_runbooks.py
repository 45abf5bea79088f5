"""Every command of a runbook that is about this service runs, in the state its alert describes."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.runbook_commands import OWN, RUNBOOKS, Command, commands_of, run
from tests.runbook_worlds import WORLDS, plan


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


def test_runbooks_of_other_systems_name_their_hosts() -> None:
    files = [file for file in sorted(RUNBOOKS.rglob("*.md")) if file not in OWN]
    for file in files:
        assert not re.search(r"localhost:(8080|9090|9092)", file.read_text()), file
    assert len(files) > 80


async def test_the_metadata_of_a_counter_are_found_by_its_name(tmp_path: Path) -> None:
    """The seventh debugging command of the operational runbook, as it is written there."""
    text = (
        "curl http://prometheus:9091/api/v1/metadata?metric=llm_integration_requests_total | jq ."
    )
    async with WORLDS["down"](tmp_path) as world:
        values = {"prometheus:9091": world.values["localhost:9091"]}
        ran = await run(Command("000", text), tmp_path, values, {})
    (found,) = json.loads(ran.printed)["data"]["llm_integration_requests_total"]
    assert found["type"] == "counter"
    assert "requests" in found["help"].lower()
