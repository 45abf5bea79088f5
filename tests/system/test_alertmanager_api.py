"""What the real Alertmanager says of alerts that fire, are silenced, inhibited, or have ended."""

from collections.abc import AsyncIterator

import pytest

from receiver.alertmanager.alert_states import Alertmanagers
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.text.visible import clean_text
from routing.event import Seen
from routing.fingerprint import fingerprint_of
from tests.support.hostile import HOSTILE
from tests.support.patience import PATIENCE_S
from tests.support.real_alertmanager import Real
from tests.support.rig import until


@pytest.fixture
async def asked(real: Real) -> AsyncIterator[Alertmanagers]:
    made = Alertmanagers([AlertmanagerConfig(urls=(real.url,), warm_up=0)])
    yield made
    await made.close()


def by_name(*label_sets: dict[str, str]) -> dict[str, dict[str, str]]:
    return {fingerprint_of(labels): labels for labels in label_sets}


async def words(asked: Alertmanagers, *label_sets: dict[str, str]) -> list[str]:
    found = await asked.states("", by_name(*label_sets))
    assert found is not None
    return [found[fingerprint_of(labels)].state for labels in label_sets]


async def test_fires_is_silenced_is_inhibited_ends(real: Real, asked: Alertmanagers) -> None:
    fires = {"alertname": "Fires", "site": "b"}
    quiet = {"alertname": "Quiet", "site": "b"}
    target = {"alertname": "Target", "role": "target", "site": "a"}
    source = {"alertname": "Source", "role": "source", "site": "a"}
    ended = {"alertname": "Ended", "site": "b"}
    unknown = {"alertname": "Unknown", "site": "b"}
    everything = (fires, quiet, target, source, ended, unknown)
    await real.fire(fires, quiet, target, source, ended)
    silence = await real.silence("alertname", "Quiet")

    async def settled() -> bool:
        found = await asked.states("", by_name(*everything))
        return found is not None and found[fingerprint_of(target)].state == "inhibited"

    await until(settled, PATIENCE_S, "the target is inhibited")
    found = await asked.states("", by_name(*everything))
    assert found == dict(
        zip(
            map(fingerprint_of, everything),
            (
                Seen("active"),
                Seen("silenced", (silence,)),
                Seen("inhibited", (fingerprint_of(source),)),
                Seen("active"),
                Seen("active"),
                Seen("gone"),
            ),
            strict=True,
        )
    )
    await real.fire(ended, source, quiet, ends=-1)
    assert await words(asked, ended, source, quiet, fires) == ["gone", "gone", "gone", "active"]


async def test_one_nobody_repeats_ends_by_itself(real: Real, asked: Alertmanagers) -> None:
    labels = {"alertname": "Short"}
    await real.fire(labels, ends=1)
    assert await words(asked, labels) == ["active"]

    async def gone() -> bool:
        return await words(asked, labels) == ["gone"]

    await until(gone, PATIENCE_S, "its end has passed")


async def test_hostile_labels_are_found_alone_and_together(
    real: Real, asked: Alertmanagers
) -> None:
    label_sets = [{"alertname": value, "v": value[::-1], "a": "1"} for value in HOSTILE]
    await real.fire(*label_sets)
    assert await words(asked, *label_sets) == ["active"] * len(HOSTILE)
    for labels in label_sets:
        assert await words(asked, labels) == ["active"]
        without = {name: value for name, value in labels.items() if name != "a"}
        assert await words(asked, without) == ["gone"]
        # By equal labels, as we keep them, under a fingerprint of our own.
        kept = {name: clean_text(value, 4096) for name, value in labels.items()}
        assert await asked.states("", {"ours": kept}) == {"ours": Seen("active")}
    for value in HOSTILE:
        await real.silence("alertname", value)
    assert await words(asked, *label_sets) == ["silenced"] * len(HOSTILE)
    # Nothing in common but that each has a name: all names in one expression.
    unlike = [{"alertname": value} for value in HOSTILE]
    assert await words(asked, *unlike) == ["gone"] * len(HOSTILE)
    await real.fire(*unlike)
    assert await words(asked, *unlike) == ["silenced"] * len(HOSTILE)


async def test_a_restart_forgets_and_is_not_taken_for_the_end(real: Real) -> None:
    labels = {"alertname": "Fires"}
    await real.fire(labels)
    asked = Alertmanagers([AlertmanagerConfig(urls=(real.url,))])
    assert await asked.states("", by_name(labels)) == {fingerprint_of(labels): Seen("active")}
    await real.program.end()
    assert await asked.states("", by_name(labels)) is None
    await real.program.start()
    await until(real.ready, PATIENCE_S, "Alertmanager is ready again")
    assert await asked.states("", by_name(labels)) is None
    await real.fire(labels)
    assert await asked.states("", by_name(labels)) == {fingerprint_of(labels): Seen("active")}
    await asked.close()


async def test_thousands_of_alerts_of_one_incident(real: Real, asked: Alertmanagers) -> None:
    label_sets = [{"alertname": "Many", "n": str(number)} for number in range(3000)]
    await real.fire(*label_sets[1:])
    found = await words(asked, *label_sets)
    assert found == ["gone"] + ["active"] * 2999
