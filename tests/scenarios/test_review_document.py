"""The review as people write it: saved by version, in every face."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData
from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.errors import StoreUnavailableError
from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert
from tests.support.replicas import two_replicas

HOSTILE = '<img src=x onerror="alert(1)"> \u202egpj.exe @team https://evil.example ' + "x" * 1_000
EMPTY = {"impact": "", "causes": "", "lessons": ""}


def at(incident: str, rest: str = "document") -> str:
    return f"/v1/incidents/{incident}/review/{rest}"


async def read(app: App, incident: str, **more: Any) -> tuple[int, Any, str]:
    async with app.session.get(app.url + at(incident), **more) as answer:
        body = await answer.json() if answer.status != 304 else None
        return answer.status, body, answer.headers.get("ETag", "")


async def save(app: App, incident: str, tag: str = "", **sections: Any) -> tuple[int, Any, str]:
    headers = {"If-Match": tag} if tag else {}
    async with app.session.put(app.url + at(incident), json=sections, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers.get("ETag", "")


async def test_it_is_read_saved_and_read_again(plain: App) -> None:
    incident = await plain.fire()
    status, found, tag = await read(plain, incident)
    assert status == 200
    assert found == {"incident": incident, "version": 0, "saved_at": None, "saved_by": None} | EMPTY
    assert (await read(plain, incident, headers={"If-None-Match": tag}))[0] == 304
    status, found, second = await save(plain, incident, tag, impact="Nobody could pay.\r\nAt all. ")
    assert (status, found["version"], found["impact"]) == (200, 1, "Nobody could pay.\nAt all.")
    assert second.startswith('"1-')
    # What is not sent stays, what says the same is no new version.
    status, found, third = await save(plain, incident, second, causes="A full disk.", by="Bob")
    assert (found["version"], found["saved_by"]) == (2, "Bob")
    assert found["impact"] == "Nobody could pay.\nAt all."
    status, found, _ = await save(plain, incident, third, causes="A full disk.")
    assert (status, found["version"]) == (200, 2)
    status, found, _ = await save(plain, incident, third, impact="")
    assert (found["version"], found["impact"]) == (3, "")
    status, found = await plain.get(f"{at(incident)}?version=1")
    assert (found["version"], found["impact"]) == (1, "Nobody could pay.\nAt all.")
    assert found["causes"] == ""
    status, found = await plain.get(f"{at(incident)}?version=4")
    assert (status, found["place"]) == (404, "version")
    assert "the last one is 3" in found["detail"]


async def test_who_saved_what_and_when_is_kept(plain: App) -> None:
    incident = await plain.fire()
    await plain.post({"impact": "a", "by": "Ann"}, f"/v1/incidents/{incident}/review-save")
    await plain.post({"impact": "b", "causes": "c"}, f"/v1/incidents/{incident}/review-save")
    status, found = await plain.get(f"{at(incident, 'versions')}?limit=1")
    assert (status, found["total"], found["next"]) == (200, 2, 2)
    (last,) = found["versions"]
    assert (last["version"], last["sections"]) == (2, {"impact": "b", "causes": "c"})
    _, found = await plain.get(f"{at(incident, 'versions')}?before=2")
    (first,) = found["versions"]
    assert (first["saved_by"], first["sections"], found["next"]) == ("Ann", {"impact": "a"}, None)
    timeline = (await plain.incident(incident))["timeline"]
    saved = [line["text"] for line in timeline if line["kind"] == "review_saved"]
    assert saved == ["Review saved, version 1: impact", "Review saved, version 2: impact, causes"]
    _, found = await plain.get(f"/v1/audit?incident={incident}&action=review-save")
    assert [(one["principal"], one["outcome"]) for one in found["entries"]] == [
        ("somebody", "review_saved"),
        ("Ann", "review_saved"),
    ]


async def test_two_people_do_not_overwrite_each_other(plain: App) -> None:
    incident = await plain.fire()
    _, _, tag = await read(plain, incident)
    assert (await save(plain, incident, tag, impact="Ann's", by="Ann"))[0] == 200
    status, found, _ = await save(plain, incident, tag, impact="Bob's", by="Bob")
    assert (status, found["place"]) == (412, "If-Match")
    assert "version 1 by now, saved by Ann" in found["detail"]
    status, found, _ = await save(plain, incident, "", impact="Bob's")
    assert (status, found["place"]) == (428, "If-Match")
    assert (await save(plain, incident, "nonsense", impact="x"))[0] == 400
    assert (await save(plain, incident, "*", causes="Bob's"))[1]["version"] == 2
    path = f"/v1/incidents/{incident}/review-save"
    status, found = await plain.post({"impact": "x", "version": 1}, path)
    assert (status, found["result"]) == (409, "review_conflict")
    assert (await read(plain, incident))[1]["impact"] == "Ann's"


async def test_of_many_at_once_one_is_saved(plain: App) -> None:
    incident = await plain.fire()
    _, _, tag = await read(plain, incident)
    found = await asyncio.gather(
        *(save(plain, incident, tag, impact=f"text {n}") for n in range(12))
    )
    assert sorted(status for status, _, _ in found) == [200] + [412] * 11
    (won,) = (body["impact"] for status, body, _ in found if status == 200)
    assert (await read(plain, incident))[1]["impact"] == won


async def test_also_when_they_ask_several_replicas(tmp_path: Path) -> None:
    async with two_replicas(tmp_path, "http") as (first, second):
        incident = await first.fire()
        _, _, tag = await read(second, incident)
        found = await asyncio.gather(
            *(
                save(app, incident, tag, impact=f"text {n}")
                for n in range(6)
                for app in (first, second)
            )
        )
        assert sorted(status for status, _, _ in found) == [200] + [412] * 11
        assert (await read(first, incident))[1] == (await read(second, incident))[1]


async def test_what_cannot_be_saved_says_why(plain: App) -> None:
    incident = await plain.fire()
    for place, words, body in (
        ("impact", "has 10,001 characters; allowed: 10,000", {"impact": "x" * 10_001}),
        ("causes", "has 1,001 lines; allowed: 1,000", {"causes": "x\n" * 1_000 + "x"}),
        ("lessons", "line 2 has the control character U+0007", {"lessons": "a\n\x07"}),
        ("lessons", "U+001B", {"lessons": "\x1b[31m"}),
        ("version", "goes into If-Match", {"impact": "x", "version": 0}),
        ("", "say what is to be saved: impact, causes, lessons", {}),
        ("", "allowed: ", {"cause": "x"}),
        ("by", "longer than 80", {"impact": "x", "by": "x" * 81}),
    ):
        status, answer, _ = await save(plain, incident, "*", **body)
        assert status == 400, answer
        assert words in answer["detail"], answer
        assert answer.get("place", "") in (place, "cause"), answer
    for name in ("0-0123456789abcdef-1", "nonsense"):
        assert (await read(plain, name))[0] == 404
        assert (await save(plain, name, "*", impact="x"))[0] == 404
    kept = "\U0001f468\u200d\U0001f469 \tx\u2028y"
    assert (await save(plain, incident, "*", impact=kept))[1]["impact"] == (
        "\U0001f468\u200d\U0001f469 \tx\ny"
    )


async def test_it_is_in_every_form_of_the_review_and_safe(plain: App) -> None:
    incident = await plain.fire()
    text = f"First paragraph,\nsecond line.\n\n# {HOSTILE}\n- item | x\n" + "word " * 1_500
    await save(plain, incident, "*", impact=text, causes="**bold**", lessons="1. ask [x](y)")
    path = f"/v1/incidents/{incident}/review"
    _, found = await plain.get(path)
    assert (found["document"]["version"], found["document"]["causes"]) == (1, "**bold**")
    assert found["versions"][0]["changed"] == ["impact", "causes", "lessons"]
    async with plain.session.get(f"{plain.url}{path}?format=markdown") as answer:
        markdown = await answer.text()
    assert "First paragraph,  \nsecond line.\n\n\\# &lt;img" in markdown
    assert markdown.count("word") == 1_500
    assert "\\*\\*bold\\*\\*" in markdown
    assert "1\\. ask \\[x\\](y)" in markdown
    for place in (
        f"{path}?format=html",
        f"/incidents/{incident}/review",
        f"/incidents/{incident}/review/edit",
        f"/incidents/{incident}/review/versions",
    ):
        async with plain.session.get(plain.url + place) as answer:
            assert answer.status == 200
            page = await answer.text()
        assert "<img" not in page
        assert page.count("word ") >= 1_499, place
        if not place.endswith("edit"):
            assert "\u202e" not in page, place
    assert "<script" not in page.replace("<script src=", "")


def fields(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<textarea id="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL))
    return found | {"version": re.findall(r'name="version" value="(\d+)"', page)[0]}


async def submit(app: App, incident: str, form: dict[str, str]) -> tuple[int, str, str]:
    data = FormData(default_to_multipart=True)
    for name, text in form.items():
        data.add_field(name, text)
    path = f"{app.url}/incidents/{incident}/review/edit"
    async with app.session.post(path, data=data, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def form_of(app: App, incident: str) -> dict[str, str]:
    async with app.session.get(f"{app.url}/incidents/{incident}/review/edit") as answer:
        assert answer.status == 200
        return fields(await answer.text())


async def test_the_form_saves_and_keeps_what_was_typed(plain: App) -> None:
    incident = await plain.fire()
    mine, theirs = await form_of(plain, incident), await form_of(plain, incident)
    assert mine == EMPTY | {"version": "0"}
    status, _, place = await submit(
        plain, incident, mine | {"impact": "Nobody\r\ncould pay", "name": "Ann"}
    )
    assert (status, place.startswith(f"/incidents/{incident}/review?said=review_saved")) == (
        303,
        True,
    )
    _, page = await plain.get(place)
    assert "The review is saved." in page
    assert "version 1, saved" in page
    # Somebody else typed meanwhile: nothing of theirs is lost, and nothing is overwritten.
    typed = theirs | {"impact": "Payments <b>failed</b>", "causes": "Disk", "name": "Bob"}
    status, page, _ = await submit(plain, incident, typed)
    assert status == 409
    shown = fields(page)
    assert (shown["impact"], shown["causes"]) == ("Payments &lt;b&gt;failed&lt;/b&gt;", "Disk")
    assert shown["version"] == "1"
    assert "Somebody else saved the review since you read it" in page
    assert "Nobody\ncould pay" in page
    status, _, _ = await submit(plain, incident, typed | {"version": shown["version"]})
    assert status == 303
    assert (await read(plain, incident))[1]["impact"] == "Payments <b>failed</b>"
    # Refused, what was typed is on the page again, with what is wrong.
    again = await form_of(plain, incident)
    status, page, _ = await submit(
        plain, incident, again | {"impact": "x" * 10_001, "lessons": "kept"}
    )
    assert status == 400
    assert "has 10,001 characters; allowed: 10,000" in page
    assert fields(page)["impact"] == "x" * 10_001
    assert (fields(page)["lessons"], fields(page)["version"]) == ("kept", "2")
    for version in ("", "nonsense", "-1"):
        status, page, _ = await submit(plain, incident, again | {"version": version, "causes": "y"})
        assert (status, fields(page)["causes"]) == (409, "y")


async def test_what_was_typed_stays_on_the_page_while_the_store_is_away(
    plain: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await plain.fire()
    form = await form_of(plain, incident) | {"impact": "typed for an hour"}

    async def away(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError("Redis is away")

    monkeypatch.setattr(plain.service.dispatcher, "submit", away)
    status, page, _ = await submit(plain, incident, form)
    assert status == 503
    assert fields(page)["impact"] == "typed for an hour"
    assert "the store does not answer" in page
    monkeypatch.undo()
    assert (await submit(plain, incident, form))[0] == 303


async def test_the_form_takes_the_longest_texts_there_may_be(plain: App) -> None:
    incident = await plain.fire()
    form = await form_of(plain, incident)
    long = dict.fromkeys(EMPTY, "\U0001f525" * 10_000)
    status, page, _ = await submit(plain, incident, form | long)
    assert status == 303, page[:500]
    assert (await read(plain, incident))[1]["lessons"] == "\U0001f525" * 10_000
    status, _, _ = await submit(plain, incident, form | {"impact": "x" * 300_000})
    assert status == 413


async def test_the_versions_page_says_what_changed(plain: App) -> None:
    incident = await plain.fire()
    await save(plain, incident, "*", impact="one\ntwo\nthree", by="Ann")
    await save(plain, incident, "*", impact="one\n2 <b>\nthree", by="Bob")
    for number in range(12):
        await save(plain, incident, "*", causes=f"cause {number}")
    _, page = await plain.get(f"/incidents/{incident}/review/versions")
    assert "Version 14" in page
    assert "Version 4<" not in page
    older = re.findall(r'href="([^"]*before=\d+)"', page)[0]
    _, page = await plain.get(older)
    assert "<del><bdi>two</bdi></del>" in page
    assert "<ins><bdi>2 &lt;b&gt;</bdi></ins>" in page
    assert "Version 1<" in page
    _, page = await plain.get(f"/incidents/{incident}/review/versions?before=1")
    assert "No version before this one." in page


async def test_it_outlives_a_restart_and_goes_with_the_incident(plain: App) -> None:
    incident = await plain.fire()
    await save(plain, incident, "*", impact="kept", by="Ann")
    await plain.stop()
    await plain.start(**NO_ACCOUNTS)
    _, found, tag = await read(plain, incident)
    assert (found["impact"], found["saved_by"]) == ("kept", "Ann")
    await plain.fire(alert(resolved=True))
    assert (await save(plain, incident, tag, lessons="later"))[1]["version"] == 2
    _, answer = await plain.post({"force": True}, f"/v1/incidents/{incident}/forget")
    assert answer["result"] == "forgotten"
    assert (await read(plain, incident))[0] == 404
    assert (await save(plain, incident, "*", impact="x"))[0] == 404
    assert (await plain.get(f"/incidents/{incident}/review/edit"))[0] == 404


async def run(app: App, *words: str) -> Result:
    def call() -> Result:
        return CliRunner().invoke(main, [*words, "--url", app.url])

    return await asyncio.to_thread(call)


async def test_the_command_line_saves_it_too(plain: App) -> None:
    incident = await plain.fire()
    words = ("incidents", "review-save", incident, "--impact", "a\nb", "--version", "0")
    done = await run(plain, *words)
    assert done.output.startswith("review saved"), done.output
    again = await run(plain, *words)
    assert "review conflict" in again.output.lower() or again.exit_code == 1
    text = (await run(plain, "review", incident)).output
    assert "a  \nb" in text


@pytest.mark.parametrize("fresh", [True, False])
async def test_no_thread_and_no_service_is_told_of_a_save(app: App, *, fresh: bool) -> None:
    incident = await app.fire()
    await app.settle()
    if not fresh:
        await app.fire(alert(resolved=True))
        await app.settle()
    told = len(app.slack.calls), len(app.pagerduty.events)
    await save(app, incident, "*", impact=HOSTILE)
    await app.settle()
    assert (len(app.slack.calls), len(app.pagerduty.events)) == told
