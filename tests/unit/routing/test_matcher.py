import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.matcher import Matcher, matches_all, parse_matchers


def one(text: str) -> Matcher:
    (matcher,) = parse_matchers(text)
    return matcher


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ('severity="critical"', "critical", True),
        ('severity="critical"', "Critical", False),
        ("severity=critical", "critical", True),
        (" severity = critical ", "critical", True),
        ('severity!="critical"', "warning", True),
        ('severity!="critical"', "critical", False),
        ('severity=~"crit.*|error"', "critical", True),
        ('severity=~"crit"', "critical", False),
        ('severity=~"ritical"', "critical", False),
        ('severity=~"critical|error"', "error", True),
        ('severity=~"critical|error"', "critical|error", False),
        ('severity=~"(?i)CRITICAL"', "critical", True),
        ('severity=~"crit.*"', "crit\nical", False),
        ('severity=~"critical$"', "critical\n", False),
        ('severity!~"crit.*"', "critical", False),
        ('severity!~"crit.*"', "warning", True),
        ("severity=~crit.+", "critical", True),
        (r'severity=~"a\.b"', "a.b", True),
        (r'severity=~"a\.b"', "axb", False),
        (r'severity=~"\\d+"', "42", True),
        (r'severity="a\"b\\c\nd"', 'a"b\\c\nd', True),
        ('severity="a, b {c} = d"', "a, b {c} = d", True),
        ("severity=a b", "a b", True),
        ('"severity"="x"', "x", True),
        # As RE2 reads them, and Go, so as Alertmanager does.
        ('severity=~"[[:alpha:]]+"', "abc", True),
        ('severity=~".ber"', "über", True),
        (r'severity=~"\w+"', "über", False),
        (r'severity=~"\pL+"', "über", True),
        ('severity=~"(?P<a>x)(?<b>y)"', "xy", True),
        ('severity=~"(?s)a.b"', "a\nb", True),
        (r'severity=~"\Qa.b\E"', "a.b", True),
        (r'severity=~"\\\\C"', r"\C", True),
        ('severity=~".*"', "\ud800", True),
    ],
)
def test_operators_and_quotes(text: str, value: str, *, holds: bool) -> None:
    assert one(text).matches({"severity": value}) is holds


@pytest.mark.parametrize(
    "text", ['a=""', "a=", 'a=~""', 'a=~"|x"', 'a=~".*"', 'a!="x"', 'a!~"x.*"']
)
def test_a_missing_label_is_empty(text: str) -> None:
    assert one(text).matches({})
    assert one(text).matches({"a": ""})


@pytest.mark.parametrize("text", ['a="x"', 'a!=""', 'a=~".+"', 'a!~".*"'])
def test_a_missing_label_is_not_something(text: str) -> None:
    assert not one(text).matches({})


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("(?:|){40}", "x"),
        (r"(\w+-?)+-prod", "checkout-service-eu-central-1x"),
        ("(a+)+b", "a" * 100_000),
        ("(?:a?){1000}a{1000}", "a" * 4_096),
        ("(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)[^a]{1000}", "a" * 4_096),
    ],
)
def test_no_pattern_takes_long(pattern: str, value: str) -> None:
    """With a backtracking engine the first never ends, and the others take minutes to years."""
    started = time.process_time()
    Matcher("a", "=~", pattern).matches({"a": value})
    assert time.process_time() - started < 2


def test_several_with_and_without_braces() -> None:
    expected = (Matcher("a", "=", "b"), Matcher("c", "=~", "d,e"), Matcher("f", "!=", "g"))
    assert parse_matchers('a="b", c=~"d,e",f!=g') == expected
    assert parse_matchers('{a="b",c=~"d,e", f!=g}') == expected
    assert parse_matchers(' { a="b", c=~"d,e", f!=g, } ') == expected
    assert parse_matchers(
        "a=b,c=~d",
    ) == (Matcher("a", "=", "b"), Matcher("c", "=~", "d"))
    assert parse_matchers("") == parse_matchers("{}") == ()


def test_all_must_hold() -> None:
    matchers = parse_matchers('a="1", b=~"2|3"')
    assert matches_all(matchers, {"a": "1", "b": "3"})
    assert not matches_all(matchers, {"a": "1"})
    assert matches_all((), {})


def test_utf8_names_in_quotes() -> None:
    assert one('"dépôt.名"="ü"').matches({"dépôt.名": "ü"})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("severity", "after severity"),
        ('="x"', "label name"),
        ('dépôt="x"', "quotes"),
        ('severity=="x"', "value"),
        ("severity='x'", "quotes"),
        ("severity=~x{2}", "brace"),
        ('{severity="x"', "brace"),
        ('severity="x"}', "brace"),
        ('severity="x', "value"),
        ('severity="x" team="y"', "comma"),
        (',a="b"', "label name"),
        ('a="b",,c="d"', "label name"),
        ('""="x"', "empty"),
        ('severity=~"("', "regular expression"),
        ('severity=~"(?=x)y"', "regular expression"),
        (r'severity=~"(a)\\1"', "regular expression"),
        ('severity=~"a*+"', "regular expression"),
        ('severity=~"a{1001}"', "regular expression"),
        (r'severity=~"x\Z"', "regular expression"),
        (r'severity=~"\C"', r"regular expression.*\\C"),
        (r'severity=~"a\\C"', r"regular expression.*\\C"),
        ('severity=~"a{99999999999}"', "regular expression"),
        ('severity>"x"', "expected ="),
    ],
)
def test_errors_say_what_is_wrong(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_matchers(text)


pieces = st.lists(
    st.sampled_from([*list("ab=\"\\{}[](),~!|*+?.^$ \n'`"), "=~", "!~", 'x="y"', "é"])
)


@given(st.one_of(st.text(), pieces.map("".join)))
def test_any_text_is_matchers_or_a_value_error(text: str) -> None:
    try:
        found = parse_matchers(text)
    except ValueError:
        return
    for matcher in found:
        assert isinstance(matcher.matches({matcher.name: text}), bool)
        assert parse_matchers(str(matcher)) == (matcher,)


@given(st.text(min_size=1), st.text(), st.text())
def test_what_is_written_is_read_back(name: str, value: str, other: str) -> None:
    matcher = Matcher(name, "=", value)
    (again,) = parse_matchers(str(matcher))
    assert again == matcher
    assert hash(again) == hash(matcher)
    assert again.matches({name: value})
    assert again.matches({name: other}) == (value == other)
