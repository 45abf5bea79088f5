import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.matcher import Matcher, label_finder, matches_all, parse_matchers


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


@pytest.mark.parametrize(
    ("text", "values", "refused"),
    [
        ('a="x"', {"x"}, None),
        ('a=""', {""}, None),
        ('a!="x"', None, {"x"}),
        ('a=~"x|y|"', {"x", "y", ""}, None),
        ('a=~""', {""}, None),
        ('a=~"a b/c:d"', {"a b/c:d"}, None),
        ('a=~"x.*"', None, None),
        ('a=~"(x|y)"', None, None),
        ('a=~"x|y."', None, None),
        ('a=~"x+"', None, None),
        ('a!~"x|y"', None, {"x", "y"}),
        ('a!~"x?"', None, None),
    ],
)
def test_the_values_that_are_known(
    text: str, values: set[str] | None, refused: set[str] | None
) -> None:
    assert one(text).values == values
    assert one(text).refused_values == refused


@given(st.sampled_from(["=", "!=", "=~", "!~"]), st.text("ab|./ é", max_size=8))
@settings(max_examples=50)
def test_what_is_known_of_values_is_what_matches(operator: str, value: str) -> None:
    matcher = Matcher("a", operator, value)
    for known, holds in ((matcher.values, True), (matcher.refused_values, False)):
        for each in known or ():
            assert matcher.matches({"a": each}) is holds
        if known is not None:
            assert matcher.matches({"a": "none of them\n"}) is not holds


def test_matchers_are_equal_by_what_they_say() -> None:
    same, other = Matcher("a", "=", "b"), Matcher("a", "=~", "b")
    assert one("a=b") == one('"a"="b"') == same
    assert len({one("a=b"), same, other, Matcher("b", "=", "b"), Matcher("a", "=", "c")}) == 4
    assert same != 'a="b"'
    assert (str(same), repr(same)) == ('a="b"', '<Matcher a="b">')
    assert str(Matcher("é x", "!~", 'a"\\\n')) == r'"é x"!~"a\"\\\n"'


@pytest.mark.parametrize("number", [0, 1, 500])
def test_as_many_as_are_written(number: int) -> None:
    found = parse_matchers(",".join(f'l{n}="v{n}"' for n in range(number)))
    assert len(found) == number
    assert matches_all(found, {f"l{n}": f"v{n}" for n in range(number)})


@pytest.mark.parametrize(
    ("labels", "body", "found"),
    [
        ({}, '{"a":"b"}', False),
        ({"a": []}, '{"a":""}', False),
        ({"a": ["b"]}, '{"a":"b"}', True),
        ({"a": ["b"]}, '{"A" \t:\r\n"B"}', True),
        ({"a": ["b"]}, '{"a":"bb"}', False),
        ({"a": ["b"]}, '{"xa":"b"}', False),
        ({"a": ["b", "c"]}, '{"a":"c"}', True),
        ({"a": ["x"], "z": ["y"]}, '{"z":"y"}', True),
        ({"a": ["x"], "z": ["y"]}, '{"a":"y","z":"x"}', False),
        # What is special in a pattern is text here.
        ({"a.b": ["c+(d)|e"]}, '{"a.b":"c+(d)|e"}', True),
        ({"a.b": ["c.d"]}, '{"axb":"c.d"}', False),
        ({"a.b": ["c.d"]}, '{"a.b":"cxd"}', False),
        ({"a": ['q"\\']}, r'{"a":"q\"\\"}', True),
        ({"a": ["größe"]}, '{"a":"größe"}', True),
        ({"a": [""]}, '{"a":""}', True),
        ({"a": [""]}, '{"a":"b"}', False),
    ],
)
def test_labels_are_found_without_reading_the_json(
    labels: dict[str, list[str]], body: str, *, found: bool
) -> None:
    finder = label_finder(labels)
    assert finder(body.encode()) is found
    assert finder(b"[" + b"{}," * 5_000 + body.encode() + b"]") is found
    assert not finder(b"")


@given(st.text('ab"\\/. é\n', max_size=8), st.text('ab"\\/. é\n', min_size=1, max_size=8))
@settings(max_examples=50)
def test_what_is_there_is_found(value: str, name: str) -> None:
    body = json.dumps({name: value}, ensure_ascii=False)
    # A name is looked for as JSON escapes it.
    escaped = json.dumps(name)
    if escaped == json.dumps(name, ensure_ascii=False):
        assert label_finder({name: [value]})(body.encode())
