"""How the state of an incident looks, the same in messages, lists and the App Home."""

from collections.abc import Mapping

LOOKS: Mapping[str, str] = {
    "triggered": "🔴",
    "acknowledged": "🟡",
    "snoozed": "💤",
    "resolved": "🟢",
    "damaged": "⚠️",
    "newer": "⚠️",
}
