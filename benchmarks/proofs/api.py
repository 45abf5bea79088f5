"""The API is as its document says: thousands of requests made of it, right ones and wrong ones."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bodies import notification
from tests.support.openapi_fuzz import sent_to
from tests.support.rig import Rig

NAME = "api"
EXAMPLES = 150

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Send to a service of its own, which has incidents, and report what is not as described."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        rig = Rig(folder)
        await rig.start()
        try:
            _, answer = await rig.post(json.loads(notification("api", 1, 2)))
            found = await sent_to(rig.url, answer["incidents"][0], folder, EXAMPLES)
            alive = await rig.ready()
        finally:
            await rig.stop()
    report("requests made of the document", f"{found.sent:,}", "> 5,000", found.sent > 5_000)
    report("kinds of breach", str(found.breaches), "0", found.breaches == 0)
    report("it is ready afterwards", "yes" if alive else "no", "yes", bool(alive))
    if found.breaches:
        print(found.printed[-10_000:])
