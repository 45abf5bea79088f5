"""What is remembered of a text, and that long texts and many of them cost no memory."""

import pytest

from routing.remembered import MOST, SHORT, remembered


class Finder:
    """Finds the length of a text, and knows how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.found = remembered(self._find)

    def _find(self, text: str) -> int:
        """Return its length."""
        self.asked.append(text)
        if text.startswith("bad"):
            raise ValueError(text)
        return len(text)


def test_a_short_text_is_found_once() -> None:
    finder = Finder()
    assert [finder.found("abc") for _ in range(3)] == [3, 3, 3]
    assert finder.asked == ["abc"]


@pytest.mark.parametrize(("length", "times"), [(0, 1), (SHORT - 1, 1), (SHORT, 1), (SHORT + 1, 2)])
def test_what_is_longer_than_short_is_found_each_time(length: int, times: int) -> None:
    finder = Finder()
    assert finder.found("x" * length) == finder.found("x" * length) == length
    assert len(finder.asked) == times


def test_the_oldest_of_too_many_is_forgotten_and_the_newest_is_not() -> None:
    finder = Finder()
    for number in range(MOST + 1):
        finder.found(str(number))
    finder.asked.clear()
    assert finder.found(str(MOST)) == len(str(MOST))
    assert finder.asked == []
    assert finder.found("0") == 1
    assert finder.asked == ["0"]


def test_texts_that_look_alike_are_kept_apart() -> None:
    finder = Finder()
    for text in ("é", "e\u0301", "E", "e", "e ", "e\x00"):
        assert finder.found(text) == len(text)
    assert len(finder.asked) == 6


def test_a_text_that_is_refused_is_refused_each_time() -> None:
    finder = Finder()
    for _ in range(2):
        with pytest.raises(ValueError, match="bad one"):
            finder.found("bad one")
    assert finder.asked == ["bad one"] * 2


def test_two_functions_remember_nothing_of_each_other() -> None:
    longer, upper = remembered(len), remembered(str.upper)
    assert (longer("a"), upper("a")) == (1, "A")
