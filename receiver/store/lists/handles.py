"""Which open incident a short name stands for."""

from receiver.errors import PayloadError
from receiver.store.lists.read import IncidentLists
from routing.handle import HANDLE

SAID_MAX = 5


async def id_of(lists: IncidentLists, name: str) -> str:
    """Return the id that a name stands for: that of the one open incident it is short for.

    What is no short name, or of no open incident, stands for itself. PayloadError names those that
    it may be of.
    """
    wanted = name.lower()
    if HANDLE.fullmatch(wanted) is None:
        return name
    found = sorted(await lists.open_ids(wanted))
    if len(found) > 1:
        some = ", ".join(found[:SAID_MAX]) + (", ..." if len(found) > SAID_MAX else "")
        raise PayloadError(f"{name!r} may be any of {some}: write more of it", "id")
    return found[0] if found else name
