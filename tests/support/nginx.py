"""The nginx of deploy/nginx.conf, as it ships but for the places marked there."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.certificates import Files
from tests.support.patience import PATIENCE_S
from tests.support.places import ROOT
from tests.support.rig import Program, free_port, until
from tests.support.tools import require_tool

PATH = "/incidents"
AROUND = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/incident-manager.conf;
}}
"""


@asynccontextmanager
async def nginx(folder: Path, files: Files, target: int) -> AsyncIterator[str]:
    """Run it in front of a port of this machine; the URL it is reached by."""
    folder.mkdir()
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    for before, after in (
        (r"127\.0\.0\.1:8080;", f"127.0.0.1:{target};"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"server_name \S+;", "server_name localhost;"),
        (r"ssl_certificate     \S+;", f"ssl_certificate {files.cert};"),
        (r"ssl_certificate_key \S+;", f"ssl_certificate_key {files.key};"),
    ):
        text, found = re.subn(before, after, text)
        assert found == 1, before
    (folder / "incident-manager.conf").write_text(text)
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder))
    program = Program(
        "nginx", require_tool("nginx"), "-c", str(folder / "nginx.conf"), folder=folder
    )
    await program.start()
    try:
        await until(lambda: _listens(port), PATIENCE_S, f"nginx listens (see {program.log})")
        yield f"https://localhost:{port}{PATH}"
    finally:
        await program.end()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
