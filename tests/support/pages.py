"""Every page of the console, as the table of routes has them: none is forgotten when one comes."""

from collections.abc import Iterable

from receiver.app.routes import ROUTES
from receiver.http.routes import API

RUNBOOK = "incident-manager/RedisDown"
OTHERS = (".svg", ".md", ".csv", ".xml", "/dead-letters/{id}")
"""What a browser is asked for a login for too, and is no page, or about what is no incident."""


def pages(incidents: Iterable[str]) -> list[str]:
    """Return the path of each page, of one about an incident once for each; a new one has to be
    given its names here."""
    found = []
    for row in ROUTES:
        if row.method != "GET" or not row.page or row.port != API or row.path.endswith(OTHERS):
            continue
        for incident in incidents if "{id}" in row.path else ("",):
            path = row.path.replace("{id}", incident).replace("{name:.+}", RUNBOOK)
            assert "{" not in path, row.path
            found.append(path)
    return list(dict.fromkeys(found))
