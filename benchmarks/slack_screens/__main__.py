"""``python -m benchmarks.slack_screens [FOLDER]``: draws every screen, and the page of them."""

import sys
from pathlib import Path

from benchmarks.slack_screens.draw import DESK, PHONE, drawer
from benchmarks.slack_screens.examples import screens

USUAL = Path(__file__).parents[2] / "docs" / "slack"
DARK = ("triggered", "window-silence", "home")
"""Also drawn dark."""


def main() -> None:
    """Draw into a folder (default docs/slack)."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else USUAL
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Slack, drawn",
        "",
        "Made by `make slack-screens` from the blocks that are sent.",
        "",
    ]
    with drawer() as draw:
        for screen in screens():
            width = DESK if screen.kind == "home" else 520 if screen.kind == "modal" else 600
            shots = [("", width, "light")]
            if screen.name in DARK:
                shots.append(("-dark", width, "dark"))
            if screen.name == "triggered":
                shots.append(("-phone", PHONE, "light"))
            lines += [f"## {screen.caption}", ""]
            for mark, wide, scheme in shots:
                file = folder / f"{screen.name}{mark}.png"
                file.write_bytes(draw.draw(screen, wide, scheme).png)
                lines += [f"![{screen.caption}]({file.name})", ""]
                print(f"{file.name:<28} {file.stat().st_size / 1024:5.1f} KB", flush=True)
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
