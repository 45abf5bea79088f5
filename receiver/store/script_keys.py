"""The fixed keys of scripts that take several, in order: both sides have it from here.

``load_script`` puts the list before the script, as a table ``K`` of places by name, so that it
reads ``KEYS[K.open]``, and ``FIXED``, how many they are; ``fixed`` makes the names that it is
called with.
"""

from collections.abc import Mapping

from receiver.store.keys import Keys

FIXED: Mapping[str, tuple[str, ...]] = {
    "commit_decisions": (
        *("open", "closed", "due_urgent", "due_normal", "due_background", "task", "seen"),
        *("active", "day", "published", "unreached", "items", "total", "heal", "feed"),
        *("audit", "chain", "response"),
        "fence",
    ),
    "pack_audit": ("audit", "chain", "block"),
    "put_aside": ("key", "kept", "damaged", "heal", "open", "closed", "unreached", "group"),
    "put_aside_part": ("key", "kept", "damaged", "heal"),
    "recount": ("open", "active", "heal"),
    "reindex": (
        *("open", "closed", "published", "unreached", "seen", "task", "items"),
        *("due_urgent", "due_normal", "due_background"),
    ),
}
"""Script -> names of its first keys; those of ``put_aside`` after ``heal`` may be left out."""
CHAINED = frozenset({"commit_decisions", "settle_tasks", "append_audit", "trim_audit"})
"""Scripts that append to the audit trail: ``audit_chain`` goes before them."""


def places(script: str) -> str:
    """Return the line of Lua that names a script's keys; "" for one that has no list."""
    names = FIXED.get(script, ())
    pairs = ", ".join(f"{name} = {place}" for place, name in enumerate(names, 1))
    return f"local K, FIXED = {{{pairs}}}, {len(names)}\n" if names else ""


def fixed(script: str, keys: Keys, **named: str) -> list[str]:
    """Return the first keys of a script: those of a shard, and others by their name."""
    return [named.get(name) or keys.named[name] for name in FIXED[script]]
