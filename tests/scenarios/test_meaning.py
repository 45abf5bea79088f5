"""The service does what ``check-config`` says of it: a part of the proof ``meaning``."""

import pytest

from benchmarks.meaning_running import compare_running
from benchmarks.meaning_table import CONFIGURATIONS
from benchmarks.proofs.meaning import rows_of

CHOSEN = (
    "a notifier that no policy names",
    "a team's own notifier",
    "quiet hours with an elapsed clock",
)


@pytest.mark.parametrize("name", CHOSEN)
async def test_the_service_pages_as_the_table_says(name: str) -> None:
    (configured,) = [one for one in CONFIGURATIONS if one.name == name]
    pages, wrong = await compare_running(configured, rows_of(configured), (112,))
    assert pages >= 8
    assert wrong == []
