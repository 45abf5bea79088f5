"""The drawn screens: each one is still made of what the service sends."""

from benchmarks.slack_screens.examples import screens
from tests.support.places import ROOT


def test_every_screen_can_be_made_and_has_its_picture() -> None:
    names = [screen.name for screen in screens()]
    assert len(names) == len(set(names)) > 30
    pictures = {file.stem for file in (ROOT / "docs" / "slack").glob("*.png")}
    assert set(names) <= pictures
    marks = {"triggered-dark", "triggered-phone", "window-silence-dark", "home-dark"}
    assert pictures - set(names) == marks
