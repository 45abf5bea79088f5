"""The audit trail: every change, refusal, login, reload and page, as data, in a chain."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from receiver.cli.root import main
from receiver.store.audit.entries import AuditStore
from receiver.store.audit.entry import AuditEntry
from receiver.store.audit.read import AuditReader, Filter
from receiver.store.keys import Keys
from tests.support.app import App
from tests.support.notification import alert
from tests.support.waiting import until

ADMIN = {"Authorization": "Bearer admin-token-1234567"}
SENDER = {"Authorization": "Bearer sender-token-123456"}
VIEWER = {"Authorization": "Bearer viewer-token-123456"}
CREDENTIALS = [
    {"name": "board", "token": "viewer-token-123456", "role": "viewer"},
    {"name": "ops", "token": "admin-token-1234567", "role": "admin"},
    {"name": "prometheus", "token": "sender-token-123456", "role": "sender"},
]


async def entries(app: App, query: str = "", **more: Any) -> list[dict[str, Any]]:
    status, body = await app.get(f"/v1/audit{query}", **more)
    assert status == 200, body
    found: list[dict[str, Any]] = body["entries"]
    return found


def told(rows: list[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(row[field] for field in fields) for row in rows]


async def whole(app: App) -> None:
    faults, _, _ = await app.service.audit.reader.verify()
    assert faults == []


async def test_a_change_is_told_by_the_commit_that_makes_it(plain: App) -> None:
    incident = await plain.fire()
    await plain.post({"by": "Ann"}, f"/v1/incidents/{incident}/acknowledge")
    await plain.post({"by": "Bob"}, f"/v1/incidents/{incident}/acknowledge")
    await plain.fire(alert(resolved=True))
    await until(lambda: entries(plain, "?outcome=already_acknowledged"))
    rows = await entries(plain, f"?incident={incident}")
    alone = [row for row in rows if row["via"] not in ("automatic", "notifier")]
    assert told(alone, "principal", "action", "outcome") == [
        ("Bob", "acknowledge", "already_acknowledged"),
        ("alertmanager", "alerts", "resolved"),
        ("Ann", "acknowledge", "acknowledged"),
        ("alertmanager", "alerts", "opened"),
    ] or told(alone, "principal", "action", "outcome") == [
        ("alertmanager", "alerts", "resolved"),
        ("Bob", "acknowledge", "already_acknowledged"),
        ("Ann", "acknowledge", "acknowledged"),
        ("alertmanager", "alerts", "opened"),
    ]
    assert all(row["address"] == "127.0.0.1" for row in alone)
    assert all(row["correlation_id"] for row in alone)
    await whole(plain)


async def test_what_changes_nothing_is_no_entry(plain: App) -> None:
    incident = await plain.fire()
    await plain.settle()
    before = await entries(plain)
    for _ in range(5):
        await plain.fire()
    assert await entries(plain) == before
    assert await plain.service.dispatcher.store.find(incident) is not None


async def test_a_page_is_told_with_its_receipt(app: App) -> None:
    incident = await app.fire(alert(severity="critical"))
    await app.settle()
    pages = await entries(app, f"?incident={incident}&action=page")
    assert sorted(told(pages, "principal", "outcome")) == [
        ("pagerduty", "delivered"),
        ("slack", "delivered"),
    ]
    await app.settle()
    assert await entries(app, f"?incident={incident}&action=page") == pages
    await whole(app)


@pytest.fixture
async def guarded(plain: App) -> App:
    await plain.stop()
    await plain.start(
        **{
            "web.credentials": CREDENTIALS,
            "slack.token": None,
            "slack.channel": None,
            "pagerduty.routing_key": None,
        }
    )
    return plain


async def test_who_sent_what_by_the_credential_and_who_was_refused(guarded: App) -> None:
    status, body = await guarded.post(
        {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": [alert()]},
        headers=SENDER | {"X-Request-ID": "req-of-a-test"},
    )
    assert status == 202, body
    assert (await guarded.get("/v1/audit", headers=SENDER))[0] == 403
    assert (await guarded.get("/v1/audit"))[0] == 401
    for _ in range(30):
        assert (await guarded.get("/v1/incidents", headers={"Authorization": "Bearer no"}))[
            0
        ] == 401
    await until(lambda: entries(guarded, "?outcome=refused", headers=ADMIN))
    await asyncio.sleep(0.2)
    (opened,) = await entries(guarded, "?action=alerts", headers=ADMIN)
    assert (opened["principal"], opened["correlation_id"]) == ("prometheus", "req-of-a-test")
    refused = await entries(guarded, "?outcome=refused", headers=ADMIN)
    assert told(refused, "principal", "detail") == [
        (None, refused[0]["detail"]),
        (None, refused[1]["detail"]),
        ("prometheus", refused[2]["detail"]),
    ]
    assert [row["detail"].partition(":")[0] for row in refused] == [
        "401 GET /v1/incidents",
        "401 GET /v1/audit",
        "403 GET /v1/audit",
    ]
    guarded.clock.move(301)
    await guarded.get("/v1/incidents")
    counted = await until(lambda: entries(guarded, "?principal=&outcome=refused", headers=ADMIN))
    await asyncio.sleep(0.2)
    counted = await entries(guarded, "?outcome=refused", headers=ADMIN)
    assert 29 in [row["times"] for row in counted]
    await whole(guarded)


async def test_a_reload_and_a_start_are_told(plain: App) -> None:
    assert (await plain.post(b"", "/-/reload"))[0] == 200
    rows = await until(lambda: entries(plain, "?action=reload"))
    assert told(rows, "action", "outcome") == [("reload", "accepted")]
    assert told(await entries(plain, "?action=start"), "action", "outcome") == [
        ("start", "accepted")
    ]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("?since=yesterday", "since"),
        ("?cursor=nonsense", "cursor"),
        ("?cursor=1-2", "cursor"),
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?who=ann", "who"),
        (f"?principal={'a' * 201}", "principal"),
        ("?action=a&action=b", "action"),
    ],
)
async def test_what_cannot_be_asked_is_said(plain: App, query: str, place: str) -> None:
    status, body = await plain.get(f"/v1/audit{query}")
    assert (status, body["place"]) == (400, place)
    status, page = await plain.get(f"/audit{query}")
    assert status in (200, 400)
    assert "</html>" in page


async def fill(app: App, number: int, of: str = "filler") -> None:
    store = app.service.audit.store
    for start in range(0, number, 1_000):
        many = range(start, min(start + 1_000, number))
        await store.append(
            0, [AuditEntry(app.clock.now(), of, "done", f"person {n}") for n in many]
        )


async def test_pages_lead_through_what_is_packed(plain: App) -> None:
    await fill(plain, 4_500)
    await plain.service.audit.keeper.round()
    chain = await plain.service.audit.store.chain(0)
    assert chain.packed == 3
    assert await plain.service.redis.llen(Keys(0).audit) == chain.number - 3_000
    seen: list[int] = []
    cursor = ""
    while True:
        status, body = await plain.get(f"/v1/audit?limit=700&action=filler{cursor}")
        assert status == 200
        seen += [row["number"] for row in body["entries"]]
        if not body["next"]:
            break
        cursor = f"&cursor={body['next']}"
    assert len(seen) == 4_500
    assert seen == sorted(seen, reverse=True)
    (row,) = await entries(plain, "?principal=person%2042&limit=1&until=2999-01-01")
    assert row["principal"].startswith("person 42")
    await whole(plain)


async def test_what_is_older_than_the_retention_goes_and_that_is_told(plain: App) -> None:
    await fill(plain, 2_500)
    await plain.service.audit.keeper.round()
    plain.clock.move(366 * 86_400)
    await fill(plain, 2_500)
    for _ in range(2):
        plain.clock.move(601)
        await plain.service.audit.keeper.round()
    (trim,) = await entries(plain, "?action=trim")
    assert trim["outcome"] == "retention"
    chain = await plain.service.audit.store.chain(0)
    assert chain.first == 2
    assert await plain.service.redis.exists(Keys(0).audit_block(0), Keys(0).audit_block(1)) == 0
    await whole(plain)
    # Whoever takes more away is found out.
    redis = plain.service.redis
    await redis.delete(Keys(0).audit_block(2))
    faults, _, _ = await plain.service.audit.reader.verify()
    assert [(fault.kind, fault.first, fault.last) for fault in faults] == [
        ("missing", 2_001, 3_000)
    ]


async def test_an_end_that_is_cut_off_is_told_by_the_anchor(plain: App, tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    await plain.stop()
    await plain.start(**plain.wanted | {"audit.anchor_file": str(file)})
    await fill(plain, 50)
    await plain.service.audit.keeper.anchor()
    anchor = json.loads(file.read_text().splitlines()[-1])
    redis, keys = plain.service.redis, Keys(0)
    await redis.ltrim(keys.audit, 0, -11)
    faults, _, _ = await plain.service.audit.reader.verify()
    assert [(fault.kind, fault.first, fault.last) for fault in faults] == [
        ("missing", anchor["number"] - 9, anchor["number"])
    ]
    # Whoever does it well leaves nothing inside.
    await redis.hdel(keys.chain, "mark", "marked")
    await whole(plain)
    from receiver.audit.anchors import read_anchors  # noqa: PLC0415

    faults, _, _ = await plain.service.audit.reader.verify(read_anchors(file))
    assert [(fault.kind, fault.first, fault.last) for fault in faults] == [
        ("missing", anchor["number"] - 9, anchor["number"])
    ]


async def test_a_page_of_hostile_texts(plain: App) -> None:
    hostile = "<script>alert(1)</script>\u202e\x1b[31m"
    await plain.service.audit.store.append(
        0,
        [
            AuditEntry(
                plain.clock.now(),
                hostile,
                hostile,
                hostile,
                hostile,
                hostile,
                hostile,
                hostile,
                1,
                hostile,
                "\ud800" + hostile,
                3,
            )
        ],
    )
    status, page = await plain.get("/audit")
    assert status == 200
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;" in page
    status, page = await plain.get("/audit?principal=%3Cscript%3E")
    assert "<script>al" not in page


def command(*args: str) -> Result:
    return CliRunner().invoke(main, ["audit", *args])


async def test_the_commands(plain: App, tmp_path: Path) -> None:
    await plain.fire()
    listed = await asyncio.to_thread(command, "list", "--url", plain.url)
    assert listed.exit_code == 0, listed.output
    assert "opened" in listed.output
    store = ["--storage.path", str(plain.path)]
    checked = await asyncio.to_thread(command, "verify", *store)
    assert (checked.exit_code, "the chain is whole" in checked.output) == (0, True), checked.output
    exported = await asyncio.to_thread(command, "export", *store, str(tmp_path / "out"))
    assert exported.exit_code == 0, exported.output
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    keys, redis = Keys(0), plain.service.redis
    row = await redis.lindex(keys.audit, 1)
    await redis.lset(keys.audit, 1, row.replace(b" [1", b" [2"))
    checked = await asyncio.to_thread(command, "verify", *store)
    assert checked.exit_code == 1
    assert "entry 2 was changed" in checked.output


async def test_redis_that_is_away_blocks_nobody_and_the_entry_comes_later(plain: App) -> None:
    trail = plain.service.audit.trail
    for number in range(1_500):
        trail.tell(AuditEntry(plain.clock.now(), "flood", "refused", f"p{number}"))
    await until(lambda: entries(plain, "?action=lost"))
    (lost,) = await entries(plain, "?action=lost")
    assert lost["times"] == 500
    await whole(plain)


@pytest.mark.parametrize("kind", ["string", "hash"])
async def test_a_key_of_another_type_is_put_aside_and_told(plain: App, kind: str) -> None:
    await plain.fire()
    redis, keys = plain.service.redis, Keys(0)
    await plain.service.audit.store.mark(0)
    await redis.delete(keys.audit)
    await (redis.set(keys.audit, "x") if kind == "string" else redis.hset(keys.audit, "a", "b"))
    incident = await plain.fire(alert("Other"))
    assert await redis.type(keys.audit) == b"list"
    _, body = await plain.get("/v1/damaged")
    assert body["damaged"][0]["place"].startswith("audit@")
    faults, _, _ = await plain.service.audit.reader.verify()
    assert faults[0].kind == "missing"
    assert incident


async def test_a_list_that_is_lost_goes_on_with_higher_numbers(plain: App) -> None:
    await fill(plain, 10)
    end = await plain.service.audit.store.mark(0)
    await plain.service.redis.delete(Keys(0).audit)
    await fill(plain, 10, "after")
    faults, _, _ = await plain.service.audit.reader.verify()
    assert [(fault.kind, fault.first, fault.last) for fault in faults] == [
        ("missing", 1, end.number)
    ]


async def test_many_writers_make_one_chain_whatever_their_clocks_say(plain: App) -> None:
    others = [AuditStore(plain.service.redis, 1) for _ in range(3)]

    async def write(store: AuditStore, behind: int) -> None:
        for number in range(100):
            at = plain.clock.now() - behind - number * 1_000
            await store.append(0, [AuditEntry(at, "filler", "done", f"{behind} {number}")])

    fired = [plain.fire(group=f"g{number}") for number in range(60)]
    await asyncio.gather(*(write(store, n * 3_600_000) for n, store in enumerate(others)), *fired)
    plain.clock.move(-7_200)
    await plain.fire(group="later")
    await whole(plain)
    rows = await entries(plain, "?limit=1000")
    assert [row["number"] for row in rows] == list(range(len(rows), 0, -1))
    assert len([row for row in rows if row["outcome"] == "opened"]) == 61


async def test_who_asks_too_often_is_told_once_and_counted(plain: App) -> None:
    await plain.stop()
    more = {"web.limits": {"requests_per_address": 30}, "web.trusted_proxies": ["127.0.0.1"]}
    await plain.start(**plain.wanted | more)
    far = {"headers": {"X-Forwarded-For": "203.0.113.9"}}
    statuses = [(await plain.get("/v1/incidents", **far))[0] for _ in range(60)]
    assert statuses.count(429) >= 20
    plain.clock.move(301)
    plain.service.audit.audit.trail._wake.set()
    reader = plain.service.audit.reader

    async def counted() -> list[int]:
        page = await reader.page(Filter(outcome="refused"), 100)
        return [one.entry.times for one in page.entries]

    async def told_and_counted() -> bool:
        return sorted(await counted()) == [1, statuses.count(429) - 1]

    await until(told_and_counted)


async def test_a_backup_has_what_is_packed_and_what_is_not(plain: App, tmp_path: Path) -> None:
    await fill(plain, 3_500)
    await plain.service.audit.keeper.round()
    path, file, new = str(plain.path), str(tmp_path / "backup"), str(tmp_path / "new")
    made = await asyncio.to_thread(
        CliRunner().invoke, main, ["store", "backup", file, "--storage.path", path]
    )
    assert made.exit_code == 0, made.output
    for words in (["store", "restore", file], ["audit", "verify"]):
        done = await asyncio.to_thread(CliRunner().invoke, main, [*words, "--storage.path", new])
        assert done.exit_code == 0, done.output
    assert "3,5" in done.output
    assert "the chain is whole" in done.output


async def test_an_incident_leads_administrators_to_who_sent_it(guarded: App) -> None:
    sent = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r"}
    request = SENDER | {"X-Request-ID": "req-of-a-test"}
    _, answer = await guarded.post(sent | {"alerts": [alert()]}, headers=request)
    (incident,) = answer["incidents"]
    place = f"/audit?incident={incident}"
    _, page = await guarded.get(f"/incidents/{incident}", headers=ADMIN)
    assert f'href="{place}"' in page
    _, page = await guarded.get(place, headers=ADMIN)
    assert all(words in page for words in ("prometheus", "127.0.0.1", "req-of-a-test"))
    _, page = await guarded.get(f"/incidents/{incident}", headers=VIEWER)
    assert place not in page


async def test_what_is_told_of_an_incident_is_looked_for_in_its_shard_alone(plain: App) -> None:
    store = AuditStore(plain.service.redis, 3)
    incident, other = "1-0123456789abcdef-1", "2-0123456789abcdef-1"
    for number in range(7):
        for name in (incident, other):
            entry = AuditEntry(1_000 + number, "note", "noted", f"p{number}", incident=name)
            await store.append(store.shard_of(name), [entry])
    asked: list[int] = []
    read = store.snapshot

    async def snapshot(shard: int) -> Any:
        asked.append(shard)
        return await read(shard)

    store.snapshot = snapshot  # type: ignore[method-assign]
    found, cursor = [], ""
    while True:
        page = await AuditReader(store).page(Filter(incident=incident), 3, cursor)
        found += [(one.shard, one.entry.principal) for one in page.entries]
        if not (cursor := page.next):
            break
    assert found == [(1, f"p{number}") for number in reversed(range(7))]
    assert set(asked) == {1}
    few = await AuditReader(store).page(Filter(incident=incident), 9, most=2)
    assert (len(few.entries), bool(few.next)) == (2, True)
