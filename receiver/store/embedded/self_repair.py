"""What a start mends by itself, and the note that says so until somebody has read it."""

import logging
import time
from pathlib import Path

import msgspec

from receiver.store.embedded.append_only_damage import How, Kind, examine, refusal
from receiver.store.embedded.append_only_repair import mend

NOTE = "repaired.json"
SAID_FOR_MS = 86_400_000
_log = logging.getLogger(__name__)


class SelfRepair(msgspec.Struct, frozen=True):
    """What was mended unasked, when (ms)."""

    at: int
    words: str


def mend_unasked(data_dir: Path) -> bool:
    """Mend what a start may mend, and note it; return whether there was anything.

    StoreUnavailableError when something is damaged that only a person may decide about.
    """
    found = examine(data_dir)
    if not found:
        return False
    if any(damage.kind is not Kind.TAIL for damage in found):
        raise refusal(data_dir, found)
    done = mend(data_dir, found, How.UNASKED)
    lost = "; ".join(damage.lost(How.UNASKED) for damage in found)
    what = "; ".join(f"{damage.path.name}: {damage.words}" for damage in found)
    words = f"the append-only file was mended at the start: {what}. Lost: {lost}. {done[-1]}"
    _log.warning("%s", words)
    note = SelfRepair(int(time.time() * 1000), words)
    try:
        (data_dir / NOTE).write_bytes(msgspec.json.encode(note))
    except OSError as error:  # a full disk, say: the log has it
        _log.warning("that is not noted in %s: %s", data_dir / NOTE, error.strerror)
    return True


def told(data_dir: Path, now: int) -> str:
    """Return what was mended unasked within a day before ``now`` (ms), "" for nothing."""
    try:
        note = msgspec.json.decode((data_dir / NOTE).read_bytes(), type=SelfRepair)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
    # A clock that was set back must not let it be said for ever.
    return note.words if abs(now - note.at) < SAID_FOR_MS else ""


def acknowledge(data_dir: Path) -> bool:
    """Say no more of what was mended; return whether there was anything to say."""
    try:
        (data_dir / NOTE).unlink()
    except FileNotFoundError:
        return False
    return True
