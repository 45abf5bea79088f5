"""The short names of incidents, and what fits into a private answer."""

from receiver.slack.interactions.listing import say
from routing.handle import HANDLE_MIN, handles_of, is_handle


def test_a_name_has_a_digit_so_that_no_word_is_one() -> None:
    ids = ["0-abcdef0123456789-1", "0-1abcdef123456789-1", "0-aaaaaaaaaaaaaaaa-1"]
    found = handles_of(ids, 3)
    assert found[ids[0]] == "abcdef0"
    assert found[ids[1]] == "1abc"
    assert found[ids[2]] == "a" * 16, "there is none in all of it"
    assert all(len(name) >= HANDLE_MIN for name in found.values())


def test_what_names_an_incident() -> None:
    words = ("added", "dead", "12ab", "1a", "12ag", "0" * 17)
    assert [word for word in words if is_handle(word)] == ["12ab"]


def test_a_long_answer_goes_on_in_further_sections() -> None:
    text = "\n".join(f"line {number} {'x' * 90}" for number in range(100))
    blocks = say(text)["blocks"]
    assert len(blocks) > 1
    assert all(len(block["text"]["text"]) <= 3_000 for block in blocks)
    assert "\n".join(block["text"]["text"] for block in blocks) == text
