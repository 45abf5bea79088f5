"""Spans, sizes and numbers as a person reads them in a terminal."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def span(seconds: float | None) -> str:
    """Return a span in its two largest units, as in ``2h 5m``; ms below a second, - for None."""
    if seconds is None:
        return "-"
    if not seconds:
        return "0 s"
    if round(abs(seconds) * 1000) < 1000:  # noqa: PLR2004 - what is shown is a second then
        return f"{seconds * 1000:.0f} ms"
    rest = round(abs(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        if rest >= size or parts:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    shown = " ".join(part for part in parts[:2] if not part.startswith("0"))
    return f"{'-' if seconds < 0 else ''}{shown}"


def size(number: float) -> str:
    """Return bytes as in ``12.3 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        # As it is shown; a unit is 1,024 of the one before.
        if round(abs(number), 0 if unit == "B" else 1) < 1024:  # noqa: PLR2004
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def counted(number: float, one: str) -> str:
    """Return a number of things, as in ``1 alert`` and ``2 entries``."""
    if number == 1:
        return f"1 {one}"
    return f"{number:.0f} {one.removesuffix('y')}{'ies' if one.endswith('y') else 's'}"
