"""The real programs that system tests drive: where they are, and which package has them.

Run as a program it prints the Debian packages of those that are missing.
"""

import shutil
import subprocess

# Program: (Debian package, the name upstream gives it).
_TOOLS = {
    "prometheus": ("prometheus", "prometheus"),
    "promtool": ("prometheus", "promtool"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "alertmanager"),
    "amtool": ("prometheus-alertmanager", "amtool"),
    "logrotate": ("logrotate", "logrotate"),
    "chromium": ("chromium", "chromium"),
    "chromedriver": ("chromium-driver", "chromedriver"),
    "redis-cli": ("redis-tools", "redis-cli"),
    # The Valkey that comes along speaks no TLS.
    "redis-server": ("redis-server", "redis-server"),
    "jq": ("jq", "jq"),
    "curl": ("curl", "curl"),
    "nginx": ("nginx", "nginx"),
}


def require_tool(name: str) -> str:
    """Return the path of a program by its Debian name.

    Raises RuntimeError that names the package when the program is missing: a system test without
    the real thing proves nothing, so it fails and is never skipped.
    """
    path = _find(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed; on Debian: apt install {_TOOLS[name][0]}")
    return path


def promtool(*arguments: str) -> str:
    """Run promtool and return what it says; AssertionError with that when it fails."""
    made = subprocess.run(
        [require_tool("promtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def missing_packages() -> list[str]:
    """Return the Debian packages of the programs that are not installed, sorted."""
    return sorted({package for name, (package, _) in _TOOLS.items() if _find(name) is None})


def _find(name: str) -> str | None:
    return shutil.which(name) or shutil.which(_TOOLS[name][1])


if __name__ == "__main__":
    print(*missing_packages())  # noqa: T201 - its output is read by .ci/install-tools
