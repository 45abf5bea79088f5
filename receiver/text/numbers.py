"""Numbers that people write."""


def whole(text: str, greatest: int, least: int = 1) -> int | None:
    """Return a whole number of these bounds, None for anything else, however many digits it has."""
    # Python refuses to read thousands of them.
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(greatest))
    return int(text) if digits and least <= int(text) <= greatest else None
