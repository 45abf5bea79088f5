"""What the words of senders amount to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.alert import SEVERITIES
from routing.severity import SHOWN_MAX, WORDS, canonical, plain_word, shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("critical", "critical"),
        ("CRITICAL", "critical"),
        ("  Critical\n", "critical"),
        ("page", "critical"),
        ("SEV-1", "critical"),
        ("sev 0", "critical"),
        ("s_1", "critical"),
        ("P1", "critical"),
        ("P2", "high"),
        ("major", "high"),
        ("unknown", "error"),
        ("Err", "error"),
        ("Not_Classified", "warning"),
        ("not-classified", "warning"),
        ("ticket", "warning"),
        ("P4", "info"),
        ("Debug", "info"),
        ("OK", "none"),
        ("cleared", "none"),
        ("none", "none"),
    ],
)
def test_the_words_of_others_are_ours(written: str, meant: str) -> None:
    assert canonical(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", ""),
        ("  ", ""),
        ("Sev-6", "sev-6"),
        ("P6", "p6"),
        ("cri tical!", "cri tical!"),
        ("\u202ecritical", "\u202ecritical"),
        ("критично", "критично"),
        ("İ", "i\u0307"),
    ],
)
def test_a_word_that_nobody_knows_stays_one(written: str, meant: str) -> None:
    assert canonical(written) == meant


def test_every_word_is_looked_up_as_it_is_written_and_means_a_severity_we_know() -> None:
    assert {plain_word(word) for word in WORDS} == WORDS.keys()
    assert set(WORDS.values()) <= set(SEVERITIES) - {"other"}
    assert {severity: WORDS[severity] for severity in WORDS.values()} == {
        severity: severity for severity in WORDS.values()
    }


@given(st.one_of(st.text(max_size=20), st.sampled_from(sorted(WORDS))))
@settings(max_examples=50)
def test_what_it_means_means_itself(text: str) -> None:
    meant = canonical(text)
    assert canonical(meant) == meant
    assert canonical(f" {text}\t") == meant


def test_the_usual_levels_do_not_rise_with_their_number() -> None:
    order = ["critical", "high", "warning", "info", "none"]
    for letters in ("sev", "p", "s"):
        found = [order.index(canonical(f"{letters}{number}")) for number in range(5)]
        assert found == sorted(found)
        assert (found[0], found[4]) == (0, 3)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("", ""),
        (" odd ", "odd"),
        ("x" * SHOWN_MAX, "x" * SHOWN_MAX),
        ("x" * (SHOWN_MAX + 1), "x" * (SHOWN_MAX - 1) + "…"),
        (" " * 100 + "y", "y"),
        ("é" * 10_000, "é" * (SHOWN_MAX - 1) + "…"),
    ],
)
def test_what_is_shown_of_an_unknown_word_is_short(text: str, there: str) -> None:
    assert shown(text) == there
    assert len(shown(text)) <= SHOWN_MAX
