"""A real Alertmanager."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.support.patience import PATIENCE_S
from tests.support.rig import Program, free_port, until
from tests.support.tools import require_tool

CONFIG = """
route: {receiver: nobody, group_by: [alertname]}
receivers: [{name: nobody}]
inhibit_rules:
  - source_matchers: ['role="source"']
    target_matchers: ['role="target"']
    equal: [site]
"""


class Real:
    """A running Alertmanager."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.config = config = folder / "config.yml"
        config.write_text(CONFIG)
        self.program = Program(
            "alertmanager",
            require_tool("prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.url[7:]}",
            "--cluster.listen-address=",
            folder=folder,
        )

    async def start(self) -> None:
        self.session = ClientSession()
        await self.program.start()
        await until(self.ready, PATIENCE_S, f"Alertmanager is ready (see {self.program.log})")

    async def ready(self) -> bool:
        try:
            async with self.session.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except OSError:
            return False

    async def stop(self) -> None:
        await self.program.end()
        await self.session.close()

    async def post(self, path: str, body: Any) -> Any:
        async with self.session.post(f"{self.url}/api/v2/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json(content_type=None) if path == "silences" else None

    async def fire(self, *label_sets: dict[str, str], ends: float | None = None) -> None:
        """``ends``: in how many seconds."""
        end = None if ends is None else moment(ends)
        more = {} if end is None else {"endsAt": end, "startsAt": moment(-60)}
        await self.post("alerts", [{"labels": labels, **more} for labels in label_sets])

    async def silence(self, name: str, value: str) -> str:
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False}],
            "startsAt": moment(-1),
            "endsAt": moment(3600),
            "createdBy": "test",
            "comment": "test",
        }
        return str((await self.post("silences", body))["silenceID"])


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
