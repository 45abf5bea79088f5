"""The command line against a running service, and the configuration check."""

import asyncio
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from receiver.cli.root import main
from tests.support.app import App
from tests.support.commands import run_command
from tests.support.waiting import until


async def _json(app: App, *words: str) -> Any:
    result = await run_command(app, *words, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


async def test_an_alert_is_sent_seen_taken_and_resolved_without_any_account(plain: App) -> None:
    sent = await _json(plain, "alert", "send", "Sample", "severity=critical")
    (name,) = sent["incidents"]
    assert (await _json(plain, "incidents", "list"))["incidents"][0]["id"] == name
    table = await run_command(plain, "incidents", "list")
    assert "P1" in table.output
    assert "triggered" in table.output
    taken = await _json(plain, "incidents", "ack", name, "--by", "ann")
    assert taken["result"] == "acknowledged"
    # Nobody watches here: there is no terminal.
    who = {"name": "ann", "via": "cli", "id": "", "human": False}
    assert (taken["by"], taken["incident"]["acknowledged_by"]) == (who, who)
    shown = await run_command(plain, "incidents", "show", name)
    for words in ("P1 acknowledged", "by ann", "timeline", "log", "severity critical"):
        assert words in shown.output
    again = await run_command(plain, "alert", "send", "Sample", "severity=critical", "--resolved")
    assert again.exit_code == 0
    assert (await _json(plain, "incidents", "show", name))["state"] == "resolved"
    assert (await _json(plain, "incidents", "resolve", name))["result"] == "already_resolved"
    assert (await run_command(plain, "incidents", "list")).output == "no incidents (open)\n"
    closed = await _json(plain, "incidents", "list", "--state", "closed")
    assert [item["id"] for item in closed["incidents"]] == [name]


async def test_errors_are_words_and_an_exit_code(plain: App) -> None:
    for odd in ("../dead-letters", "x?limit=1", "0-aaaaaaaaaaaaaaaa-1/review", "a b", "%2e%2e"):
        refused = await run_command(plain, "incidents", "show", odd)
        assert refused.exit_code == 1, odd
        assert "incident" in refused.output, odd
    missing = await run_command(plain, "incidents", "show", "0-aaaaaaaaaaaaaaaa-1")
    assert missing.exit_code == 1
    assert "no incident" in missing.output
    nobody = await asyncio.to_thread(
        CliRunner().invoke, main, ["incidents", "list", "--url", "http://127.0.0.1:9"]
    )
    assert nobody.exit_code == 1
    assert "is it running" in nobody.output
    (name,) = (await _json(plain, "alert", "send", "Sample", "severity=info"))["incidents"]
    refused = await run_command(plain, "incidents", "snooze", name, "--until", "tomorrow")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: 400: until: ")
    unknown = await run_command(plain, "incidents", "priority", name, "P9", "--reason", "x")
    assert (unknown.exit_code, unknown.output) == (
        1,
        "Error: 400: priority: is 'P9'; allowed: P1, P2, P3, P4\n",
    )
    wrong = await run_command(plain, "alert", "send", "A", "severity")
    assert wrong.exit_code == 2


async def test_dead_letters_are_listed(plain: App) -> None:
    await plain.post({"hello": "world"})
    result = await run_command(plain, "dead-letters", "list")
    assert "hello" in result.output


async def test_lists_are_paged_and_bad_parameters_are_named(plain: App) -> None:
    names = []
    for number in range(5):
        names.append(await plain.fire(group=f"g{number}"))
        await asyncio.sleep(0.005)
    seen: list[str] = []
    cursor = ""
    while True:
        _, page = await plain.get(f"/v1/incidents?limit=2{cursor}")
        seen += [item["id"] for item in page["incidents"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == names
    for query in ("state=opened", "limit=0", "limit=x", "cursor=-1"):
        status, answer = await plain.get(f"/v1/incidents?{query}")
        assert status == 400
        assert answer["detail"]
    assert (await plain.get("/v1/incidents/nonsense"))[0] == 404


async def test_the_api_acknowledges_by_the_same_rules(plain: App) -> None:
    name = await plain.fire()
    path = f"/v1/incidents/{name}/acknowledge"
    for body in (b"[]", b"{", b'{"by": 7}', b'{"by": "\\u0000"}', b'{"episode": "x"}'):
        assert (await plain.post(body, path))[0] == 400
    stale = await plain.post({"by": "ann", "episode": 3}, path)
    assert (stale[0], stale[1]["result"]) == (409, "stale")
    key = {"Idempotency-Key": "once"}
    assert (await plain.post({"by": "ann"}, path, headers=key))[1]["result"] == "acknowledged"
    assert (await plain.post({"by": "ann"}, path, headers=key))[1]["result"] == "duplicate"
    assert (await plain.post({"by": "bob"}, path))[1]["result"] == "already_acknowledged"


def test_check_config_names_file_line_field_and_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "im.yml"
    file.write_text("log:\n  level: loud\nweb:\n  listen_adress: 127.0.0.1:1\n")
    result = CliRunner().invoke(main, ["check-config", str(file)])
    assert result.exit_code == 1
    assert f"{file}:2: log.level" in result.output
    assert "info" in result.output
    assert f"{file}:4: web.listen_adress" in result.output
    assert "listen_address" in result.output
    file.write_text("slack: {token: t, channel: C1}\n")
    good = CliRunner().invoke(main, ["check-config", str(file)])
    assert good.exit_code == 0
    assert "slack: slack C1" in good.output
    assert "P1        1     at once" in good.output


async def test_a_change_without_a_time_that_is_sent_again_is_one(plain: App) -> None:
    body = {"summary": "deploy v2.3", "id": "run-7", "labels": {"service": "checkout"}}
    first = (await plain.post(body, "/v1/changes"))[1]["change"]
    plain.clock.move(60)
    assert (await plain.post(body, "/v1/changes"))[1]["change"] == first
    assert len((await plain.get("/v1/changes"))[1]["changes"]) == 1
    await plain.post(body | {"id": "run-8"}, "/v1/changes")
    plain.clock.move(3600)
    await plain.post(body, "/v1/changes")
    assert len((await plain.get("/v1/changes"))[1]["changes"]) == 3


async def test_changes_are_told_and_shown_with_the_incident(plain: App) -> None:
    label = ("--label", "service=checkout")
    told = await run_command(plain, "changes", "add", "deploy v2.3", *label, "--source", "ci")
    assert told.output == "stored: deploy v2.3\n"
    assert "service=checkout" in (await run_command(plain, "changes", "list")).output
    wrong = await run_command(plain, "changes", "add", "x", "--label", "service")
    assert (wrong.exit_code, "NAME=VALUE" in wrong.output) == (2, True)
    sent = await _json(plain, "alert", "send", "Sample", "severity=critical", "service=checkout")

    async def shown() -> bool:
        output = (await run_command(plain, "incidents", "show", *sent["incidents"])).output
        return "context\n" in output and "before: deploy v2.3 (ci)" in output

    await until(shown)
