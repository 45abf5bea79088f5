"""Clocks step while pages are at every stage: none is late, doubled or missed by it.

The whole service runs in a world whose true time passes when it is told to (``stepping``). In each
run one clock or both step by one size when pages are before the webhook, between commit and claim,
between the attempt and its receipt, in the queue of a budget, between two retries, before their
acknowledge deadline and, taken, before their resolve deadline; 12 minutes later all is right again.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.support.stepping import Stepping, stepping

NAME = "steps"
SIZES = {"1 s": 1, "60 s": 60, "10 min": 600, "1 h": 3600, "1 day": 86_400}
LATE_S = 30.0
EARLY_S = 20.0
"""A hundredth of 30 minutes, and what a hop of the virtual time is."""
APART_S = 7.5
BURST = 24
STEP_AT = 1_260.0
"""When the clocks step, in seconds after the start."""
RIGHT_AT = STEP_AT + 720
ANSWERED_S = 1.5
"""How long (real time) an answer is under way; meanwhile the clocks step."""

Report = Callable[[str, str, str, bool], None]


class Page(NamedTuple):
    """A page that is to go out, at ``due`` (s): of which incident, and at what stage it was."""

    incident: str
    stage: str
    due: float


class Found(NamedTuple):
    """How one run ended: the latest page (s), and in words what was wrong."""

    latest: float
    wrong: tuple[str, ...]
    pages: int


async def run(report: Report) -> None:
    """Report each kind of step as one line, then starts and replicas."""
    for which in ("Redis's clock", "the machine's", "both"):
        for name, size in SIZES.items():
            found = [await story(sign * size, which) for sign in (1, -1)]
            _line(report, f"{which}: {name}, on and back", found)
    _line(report, "Redis 300 s ahead at the start, then right", [await story(0, "", at_first=300)])
    _line(report, "all restart after a step", [await story(3600, "Redis's clock", restart=True)])
    for size in (60, 600, 3600, 86_400):
        late, apart = await late_starter(size)
        _line(report, f"two replicas, one starts after {size:,} s", [late])
        report(f"  clocks apart after {size:,} s", f"{apart:.2f} s", "7.5 s", apart <= APART_S)


def _line(report: Report, what: str, found: Iterable[Found]) -> None:
    found = list(found)
    for one in found:
        for wrong in one.wrong:
            report(f"  {what}", wrong, "", False)
    latest, pages = max(one.latest for one in found), sum(one.pages for one in found)
    figure = f"{pages} pages, latest {latest:.1f} s"
    report(what, figure, "30 s, none twice", latest <= LATE_S and not any(f.wrong for f in found))


async def story(size: float, which: str, *, at_first: float = 0.0, restart: bool = False) -> Found:
    """Let clocks step by ``size`` (s) in the midst of everything; ``at_first``: Redis's is off."""
    async with stepping() as world:
        world.world.redis_off = at_first
        await world.start()
        told = _Told(world)
        await told.before()
        redis = size if which in ("Redis's clock", "both") else 0.0
        machine = size if which in ("the machine's", "both") else 0.0
        await told.at_the_step(redis, machine)
        if restart:
            await world.stop(world.replicas[0])
            await world.start()
        await told.after()
        world.set_clocks(redis=0.0, machine=0.0)
        await told.when_right()
        return await told.found()


class _Told:
    """The incidents of a story, what is expected of them, and what people do."""

    def __init__(self, world: Stepping) -> None:
        self.world = world
        self.pages: list[Page] = []
        self.kept: list[tuple[str, str]] = []
        self.missed: list[tuple[str, str]] = []
        self.waited = 1

    async def fire(self, stage: str, *later: float) -> str:
        """Open an incident; its pages are due now and ``later`` (s after now)."""
        at = self.world.world.at
        incident = await self.world.fire(f"{stage} {len(self.pages)}")
        self.pages += [Page(incident, stage, at + after) for after in (0.0, *later)]
        return incident

    async def before(self) -> None:
        """What has begun when the clocks step: taken ones 20 minutes ago, others 4 minutes ago."""
        world = self.world
        await world.go_to(STEP_AT - 1_200)
        self.resolved = await self.fire("before the resolve deadline, kept")
        # Taken after a minute, so that it is due 31 minutes after it began.
        left = await self.fire("before the resolve deadline", 1_860)
        await world.go_to(STEP_AT - 1_140)
        await world.take(self.resolved)
        await world.take(left)
        await world.go_to(STEP_AT - 240)
        self.acknowledged = await self.fire("before the acknowledge deadline, kept")
        unheard = await self.fire("before the acknowledge deadline", 300)
        self.missed += [(left, "resolve"), (unheard, "acknowledge")]
        await world.go_to(STEP_AT - 3)

    async def at_the_step(self, redis: float, machine: float) -> None:
        """What is under way in the second in which they step."""
        world = self.world
        world.pagerduty.faults.add("503", times=3, method="trigger")
        self.unhurried = [await self.fire("during a retry's backoff")]
        await world.settle()
        await world.go_to(STEP_AT - 0.5)
        world.pagerduty.faults.clear()
        world.pagerduty.faults.add("hang_after", times=1, method="trigger", seconds=ANSWERED_S)
        asked = len(world.pagerduty.events)
        self.unhurried.append(await self.fire("between attempt and receipt"))
        await world.go_to_event(asked)
        self.unhurried += [await self.fire("in the queue of a budget") for _ in range(BURST)]
        await asyncio.sleep(ANSWERED_S / 2)
        async with world.unclaimed():
            self.unhurried.append(await self.fire("between commit and claim"))
            self.waited = world.waits()
            world.set_clocks(redis=redis, machine=machine)
        await asyncio.sleep(ANSWERED_S)
        await world.go_to(STEP_AT + 0.5)
        self.unhurried.append(await self.fire("before the webhook"))

    async def after(self) -> None:
        """People do what is asked of them within its time."""
        world = self.world
        await world.go_to(STEP_AT + 30)
        await world.take(self.acknowledged)
        await world.go_to(STEP_AT + 90)
        for incident in self.unhurried:
            await world.resolve(incident)
        await world.go_to(STEP_AT + 630)
        await world.resolve(self.resolved)
        self.kept += [(self.acknowledged, "acknowledge"), (self.resolved, "resolve")]
        await world.go_to(RIGHT_AT)

    async def when_right(self) -> None:
        """The same once more after all clocks are right again."""
        world = self.world
        kept = await self.fire("right again, kept")
        unheard = await self.fire("right again", 300)
        await world.go_to(RIGHT_AT + 270)
        await world.take(kept)
        await world.go_to(RIGHT_AT + 360)
        self.kept.append((kept, "acknowledge"))
        self.missed.append((unheard, "acknowledge"))

    async def found(self) -> Found:
        """Compare what came of it with what was due."""
        latest, wrong, world = 0.0, [], self.world
        if self.waited < 1:
            wrong.append("nothing waited in the queue of a budget")
        due: dict[str, list[Page]] = {}
        for page in self.pages:
            due.setdefault(page.incident, []).append(page)
        for incident, pages in due.items():
            came = world.pages(incident)
            stage = pages[0].stage
            if len(came) != len(pages):
                wrong.append(f"{stage}: {len(came)} pages for {len(pages)}")
                continue
            lags = [at - page.due for at, page in zip(came, pages, strict=True)]
            latest = max(latest, *lags)
            if max(lags) > LATE_S or min(lags) < -EARLY_S:
                wrong.append(f"{stage}: " + ", ".join(f"{lag:+.1f} s" for lag in lags))
            if world.posts(incident) != 1:
                wrong.append(f"{stage}: {world.posts(incident)} messages")
        for incident, name in self.kept:
            if name in await world.missed(incident):
                wrong.append(f"{due[incident][0].stage}: {name} is missed")
        for incident, name in self.missed:
            if name not in await world.missed(incident):
                wrong.append(f"{due[incident][0].stage}: {name} is not missed")
        return Found(latest, tuple(wrong), sum(map(len, due.values())))


async def late_starter(size: float) -> tuple[Found, float]:
    """Redis's clock steps, and a second replica starts at once; return how far they are apart."""
    async with stepping() as world:
        await world.start()
        told = _Told(world)
        await world.go_to(60)
        kept, unheard = await told.fire("kept"), await told.fire("unheard", 300)
        await world.go_to(90)
        world.set_clocks(redis=size)
        late = await world.start()
        apart = abs(late.clock.now() - world.replicas[0].clock.now()) / 1000
        for number in range(5):
            await told.fire(f"after {number}", 300)
        await world.settle()
        await world.go_to(330)
        await world.take(kept)
        await world.go_to(420)
        told.kept.append((kept, "acknowledge"))
        told.missed.append((unheard, "acknowledge"))
        return await told.found(), apart
