"""The clock against sources that step: it never does, and replicas stay together."""

import pytest

from receiver.clock import AGREE_MS, APART_MS, FOLLOW, SLEW, Clock, Open, Reference, may_move

T0 = 1_772_445_600.0
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOTHING = Open(0, 0)
BUSY = Open(1, 1)
STEPS = [sign * size for size in (1_000, 60_000, 600_000, HOUR, DAY) for sign in (1, -1)]


class World:
    """True time, and clocks that are off by what a test says (ms)."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.redis_off = 0.0
        self.stored: Reference | None = None

    @property
    def true(self) -> float:
        return T0 * 1000 + self.passed

    @property
    def redis(self) -> float:
        return self.true + self.redis_off

    def pass_by(self, seconds: float, *machines: "Machine") -> None:
        """Let time pass; every second each machine measures."""
        for _ in range(int(seconds)):
            self.passed += 1000
            for machine in machines:
                machine.measure()


class Machine:
    """A replica on a machine of its own."""

    def __init__(self, world: World, *, wall_off: float = 0.0, opened: Open = BUSY) -> None:
        self.world = world
        self.wall_off = wall_off
        self.paused = 0.0
        self.clock = Clock(
            lambda: (world.passed - self.paused) / 1000,
            lambda: (world.true + self.wall_off - self.paused) / 1000,
        )
        self.store(self.clock.begin(world.redis, world.stored, opened))

    def measure(self) -> None:
        self.store(self.clock.hear(self.world.redis, self.world.stored))

    def store(self, made: Reference | None) -> None:
        if made is not None:
            self.world.stored = made
            self.clock.stored()

    @property
    def off(self) -> float:
        """By how much (ms) the replica is ahead of the true time."""
        return self.clock.now() - self.world.true


def test_it_goes_by_redis_at_the_first_start() -> None:
    world = World()
    world.redis_off = 300 * SECOND
    machine = Machine(world)
    assert abs(machine.off - 300 * SECOND) <= 1
    assert "this machine's clock is 5m behind" in machine.clock.problem


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_redis_alone_moves_nothing(step: int) -> None:
    world = World()
    machine = Machine(world)
    world.pass_by(10, machine)
    world.redis_off = step
    before = machine.clock.now()
    world.pass_by(1, machine)
    assert abs(machine.clock.now() - before - SECOND) <= FOLLOW * SECOND + 1
    world.pass_by(600, machine)
    bound = 2 if abs(step) > APART_MS else abs(step) + 2
    assert abs(machine.off) <= bound
    assert bool(machine.clock.problem) == (abs(step) > APART_MS)
    world.redis_off = 0
    world.pass_by(600, machine)
    assert abs(machine.off) <= 2
    assert not machine.clock.problem


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_this_machines_clock_moves_nothing(step: int) -> None:
    world = World()
    machine = Machine(world)
    machine.wall_off = step
    world.pass_by(600, machine)
    assert abs(machine.off) <= 2
    assert bool(machine.clock.problem) == (abs(step) > APART_MS)
    assert machine.clock.machine_ahead == pytest.approx(step, abs=2)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_both_is_followed_by_a_hundredth_of_the_time(step: int) -> None:
    world = World()
    machine = Machine(world)
    world.pass_by(10, machine)
    world.redis_off = machine.wall_off = step
    world.pass_by(1800, machine)
    most = 1800 * SECOND * FOLLOW if abs(step) <= APART_MS else 1810 * SECOND * SLEW
    assert abs(machine.off) <= most
    sign = 1 if step > 0 else -1
    moved = sign * machine.off
    assert moved >= min(abs(step), 1750 * SECOND * SLEW) - 60
    assert bool(machine.clock.problem) == (abs(step) > APART_MS + moved)


def test_in_the_end_both_are_followed_and_nothing_is_wrong_any_more() -> None:
    world = World()
    machine = Machine(world)
    world.redis_off = machine.wall_off = -60 * SECOND
    world.pass_by(7200, machine)
    assert abs(machine.off + 60 * SECOND) <= 2
    assert not machine.clock.problem
    assert machine.clock.behind == pytest.approx(0, abs=2)


def test_redis_ahead_at_the_start_and_right_again_is_no_step_back() -> None:
    world = World()
    world.redis_off = 300 * SECOND
    machine = Machine(world)
    world.pass_by(30, machine)
    world.redis_off = 0
    last = machine.clock.now()
    for _ in range(600):
        world.pass_by(1, machine)
        assert machine.clock.now() > last
        last = machine.clock.now()
    assert 300 * SECOND - 600 * SECOND * SLEW - 60 <= machine.off < 300 * SECOND
    assert "behind the service's" in machine.clock.problem
    assert "restart" in machine.clock.problem


def test_replicas_stay_together_whichever_notices_first() -> None:
    world = World()
    one, two = Machine(world), Machine(world, wall_off=500)
    world.pass_by(10, one, two)
    for step in (HOUR, -DAY, 300 * SECOND, 0):
        world.redis_off = step
        world.pass_by(3, two, one)
        assert abs(one.clock.now() - two.clock.now()) <= 200
        assert abs(one.off) <= 200


def test_a_replica_that_starts_after_a_step_has_the_time_of_the_others() -> None:
    for step in STEPS:
        world = World()
        one = Machine(world)
        world.pass_by(10, one)
        world.redis_off = step
        world.pass_by(2, one)
        late = Machine(world, wall_off=step)
        assert abs(late.clock.now() - one.clock.now()) <= APART_MS
        world.pass_by(600, one, late)
        assert abs(late.clock.now() - one.clock.now()) <= 300


def test_a_machine_that_was_paused_follows_the_others() -> None:
    world = World()
    one, two = Machine(world), Machine(world)
    world.pass_by(10, one, two)
    world.pass_by(600, one)
    two.paused = 600 * SECOND
    assert two.off == pytest.approx(-600 * SECOND, abs=5)
    world.pass_by(1, two, one)
    assert abs(two.off) <= 5
    assert abs(one.off) <= 5


def test_a_lost_reference_is_laid_down_again_from_a_clock_that_runs() -> None:
    world = World()
    machine = Machine(world)
    world.redis_off = HOUR
    world.pass_by(5, machine)
    world.stored = None
    world.pass_by(5, machine)
    assert abs(machine.off) <= 2


def test_a_restart_goes_on_from_where_the_time_was() -> None:
    """Redis stepped, everything restarts while something is open: nothing is moved by it."""
    world = World()
    machine = Machine(world)
    world.pass_by(10, machine)
    world.redis_off = HOUR
    world.pass_by(10, machine)
    world.passed += 30 * SECOND
    assert abs(Machine(world).off) <= 2


@pytest.mark.parametrize("step", [HOUR, -HOUR, DAY, -DAY])
def test_a_step_of_redis_while_nobody_ran_is_not_believed(step: int) -> None:
    world = World()
    machine = Machine(world)
    world.pass_by(10, machine)
    world.passed += 30 * SECOND
    world.redis_off = step
    assert abs(Machine(world).off) <= 30 * SECOND


def test_a_time_that_both_agree_on_is_taken_over_at_a_start_when_it_hurts_nothing() -> None:
    for step, opened, taken in (
        (HOUR, NOTHING, True),
        (HOUR, Open(0, 3), True),
        (HOUR, BUSY, False),
        (-HOUR, NOTHING, True),
        (-HOUR, Open(0, 3), False),
    ):
        world = World()
        machine = Machine(world)
        world.pass_by(10, machine)
        world.redis_off = machine.wall_off = step
        world.pass_by(10, machine)
        world.passed += 60 * SECOND
        off = Machine(world, wall_off=step, opened=opened).off
        assert abs(off - (step if taken else 0)) <= 300


def test_others_are_told_the_worlds_time() -> None:
    world = World()
    machine = Machine(world)
    world.pass_by(10, machine)
    assert machine.clock.correction == 0
    world.redis_off = HOUR
    world.pass_by(10, machine)
    assert machine.clock.correction == 0
    machine.wall_off = HOUR
    world.pass_by(1, machine)
    assert machine.clock.correction == pytest.approx(HOUR, abs=100)
    assert machine.clock.now() + machine.clock.correction == pytest.approx(world.redis, abs=2)


def test_what_may_be_moved_at_once() -> None:
    assert not may_move(APART_MS, NOTHING)
    assert may_move(HOUR, Open(0, 5))
    assert not may_move(HOUR, BUSY)
    assert may_move(-HOUR, NOTHING)
    assert not may_move(-HOUR, Open(0, 5))


def test_clocks_that_say_three_different_times() -> None:
    world = World()
    machine = Machine(world)
    world.redis_off, machine.wall_off = HOUR, -DAY
    world.pass_by(10, machine)
    assert machine.clock.problem.startswith("Redis's clock is 1h ahead of the service's, this")
    assert machine.clock.behind == 0
    assert abs(machine.off) <= 2
    assert AGREE_MS < APART_MS


def test_without_a_change_nothing_is_stored_but_a_confirmation_now_and_then() -> None:
    world = World()
    machine = Machine(world)
    seen = set()
    for _ in range(60):
        world.pass_by(1, machine)
        seen.add(world.stored)
    assert 10 <= len(seen) <= 16
    assert {reference.shift for reference in seen if reference} <= {-1, 0, 1}
