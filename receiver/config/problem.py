"""What is wrong with the settings, at which place."""

from typing import NamedTuple

Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """What is wrong at which place: ``path`` such as ``("web", "credentials", 0)``."""

    path: Place
    message: str
    allowed: tuple[str, ...] = ()
