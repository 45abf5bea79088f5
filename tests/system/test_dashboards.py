"""Every query of every dashboard, read by the real Prometheus."""

from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from dashboards.__main__ import BOARDS
from tests.rig import Program, free_port, until
from tests.tools import require_tool


async def test_every_query_parses(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    url = f"http://127.0.0.1:{free_port()}"
    program = Program(
        "prometheus",
        require_tool("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={url[7:]}",
        folder=tmp_path,
    )
    await program.start()
    try:
        async with ClientSession() as session:
            await until(lambda: _ready(session, url), 30, "Prometheus is ready")
            for board in BOARDS:
                for title, expression in board.expressions():
                    answer = await _query(session, url, expression)
                    assert answer["status"] == "success", (board.uid, title, answer)
            assert (await _query(session, url, "sum(up{"))["status"] == "error"
    finally:
        await program.end()


async def _ready(session: ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/-/ready") as answer:
            return answer.status == 200
    except OSError:
        return False


async def _query(session: ClientSession, url: str, expression: str) -> Any:
    async with session.get(f"{url}/api/v1/query", params={"query": expression}) as answer:
        return await answer.json()
