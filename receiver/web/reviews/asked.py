"""Which action items a page is asked for: read from its address, and written into links."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.asked.parameters import read_choice, read_one
from receiver.http.asked.spec import Parameter

TEXT_MAX = 80
CURSOR_MAX = 200
OWNER = Parameter("owner", "whose they are, in any case", most=TEXT_MAX)
OVERDUE = Parameter("overdue", "1: only those whose day is over", "", ("", "0", "1"))
CURSOR = Parameter("cursor", "what `next` said, with the same filters", most=CURSOR_MAX)


class AskedItems(NamedTuple):
    """The filters of a page, and where it begins."""

    owner: str = ""
    overdue: bool = False
    cursor: str = ""

    @property
    def filters(self) -> list[tuple[str, str]]:
        """Return the filters as an address has them."""
        found = [("owner", self.owner)] if self.owner else []
        return [*found, ("overdue", "1")] if self.overdue else found

    @property
    def query(self) -> str:
        """Return all of it as an address has it."""
        more = [("cursor", self.cursor)] if self.cursor else []
        return urlencode([*self.filters, *more])


def read_asked_items(request: web.Request) -> AskedItems:
    """Return what a page is asked for; PayloadError names what is wrong."""
    owner, cursor = read_one(request, "owner").strip(), read_one(request, "cursor")
    for name, text, most in (("owner", owner, TEXT_MAX), ("cursor", cursor, CURSOR_MAX)):
        if len(text) > most:
            raise PayloadError(f"{name} is longer than {most} characters", name)
    return AskedItems(owner, read_choice(request, OVERDUE, "") == "1", cursor)


def asked_items(text: str) -> list[tuple[str, str]]:
    """Return what a form says of the page that it was on; what is none of it is left out."""
    known = {OWNER.name: TEXT_MAX, OVERDUE.name: 1, CURSOR.name: CURSOR_MAX}
    given = parse_qsl(text, max_num_fields=10) if len(text) <= 10 * CURSOR_MAX else []
    return [(name, value) for name, value in given if len(value) <= known.get(name, 0)]
