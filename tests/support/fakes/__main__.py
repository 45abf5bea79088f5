"""The fakes as a process: `python -m tests.support.fakes slack|pagerduty|both`.

Prints one line of JSON when it listens, with the base URL of each, and ends on SIGINT or SIGTERM.
"""

import argparse
import asyncio
import json
import signal
import sys

from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.support.fakes.server import FakeServer
from tests.support.fakes.slack import FakeSlack


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.support.fakes")
    parser.add_argument("which", choices=["slack", "pagerduty", "both"])
    parser.add_argument("--port", type=int, default=0, help="of the one fake, 0 takes a free one")
    parser.add_argument("--slack-port", type=int, default=0)
    parser.add_argument("--pagerduty-port", type=int, default=0)
    parser.add_argument("--token", default="xoxb-test")
    parser.add_argument("--signing-secret", default="secret")
    parser.add_argument("--channel", action="append", metavar="ID=NAME", default=[])
    parser.add_argument("--rate-per-channel", type=float, help="messages a second")
    parser.add_argument("--burst", type=int, default=1, help="messages at once in a channel")
    parser.add_argument("--updates-per-minute", type=int)
    parser.add_argument("--routing-key", action="append", default=[])
    parser.add_argument("--rate-per-minute", type=int, help="events of one routing key")
    parser.add_argument("--processing-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--reorder", action="store_true")
    return parser.parse_args(arguments)


def build(options: argparse.Namespace) -> dict[str, tuple[FakeServer, int]]:
    """Return the wanted fakes, each with its port, by name."""
    fakes: dict[str, tuple[FakeServer, int]] = {}
    if options.which != "pagerduty":
        slack = FakeSlack(
            token=options.token,
            signing_secret=options.signing_secret,
            channels=dict(pair.split("=", 1) for pair in options.channel),
            rate_per_channel=options.rate_per_channel,
            burst=options.burst,
            updates_per_minute=options.updates_per_minute,
        )
        fakes["slack"] = slack, options.slack_port or options.port
    if options.which != "slack":
        pagerduty = FakePagerDuty(
            routing_keys=tuple(options.routing_key) or (DEFAULT_ROUTING_KEY,),
            rate_per_minute=options.rate_per_minute,
            processing_delay=options.processing_delay,
            reorder=options.reorder,
        )
        both = options.which == "both"
        fakes["pagerduty"] = pagerduty, options.pagerduty_port or (0 if both else options.port)
    return fakes


async def serve(fakes: dict[str, tuple[FakeServer, int]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    for fake, port in fakes.values():
        await fake.start(port)
    sys.stdout.write(json.dumps({name: fake.base_url for name, (fake, _) in fakes.items()}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    for fake, _ in fakes.values():
        await fake.stop()


if __name__ == "__main__":
    asyncio.run(serve(build(parse())))
