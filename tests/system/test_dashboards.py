"""Every query of every dashboard, read by the real Prometheus."""

from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from dashboards.__main__ import BOARDS
from tests.support.rig import start_prometheus


async def test_every_query_parses(tmp_path: Path) -> None:
    program, url = await start_prometheus(tmp_path, {"scrape_configs": []})
    try:
        async with ClientSession() as session:
            for board in BOARDS:
                for title, expression in board.expressions():
                    answer = await _query(session, url, expression)
                    assert answer["status"] == "success", (board.uid, title, answer)
            assert (await _query(session, url, "sum(up{"))["status"] == "error"
    finally:
        await program.end()


async def _query(session: ClientSession, url: str, expression: str) -> Any:
    async with session.get(f"{url}/api/v1/query", params={"query": expression}) as answer:
        return await answer.json()
