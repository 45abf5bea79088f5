from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.runbook import Runbooks, check_template, is_link

CATALOGUE = frozenset({"db/DiskFull", "DiskFull", "DiskFull 2", "other/Only"})


def books(template: str = "", catalogue: frozenset[str] = CATALOGUE) -> Runbooks:
    return Runbooks(template, catalogue, "system", "https://im.example/pre/")


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({"runbook_url": "https://wiki.example/a"}, "https://wiki.example/a"),
        ({"runbook": " http://wiki.example:8080/a?b=c#d "}, "http://wiki.example:8080/a?b=c#d"),
        ({"runbook_url": "see wiki", "runbook": "https://w.example"}, "https://w.example"),
        ({"runbook_url": "https://a.example", "runbook": "https://b.example"}, "https://a.example"),
    ],
)
def test_the_annotation_comes_first(annotations: dict[str, str], found: str) -> None:
    assert books().find({"alertname": "DiskFull"}, annotations) == (found, "annotation")


@pytest.mark.parametrize(
    "text",
    ["/runbooks/db/DiskFull", "runbooks/db/DiskFull", " /runbooks/db/DiskFull.md ", "db/DiskFull"],
)
def test_a_path_in_the_catalogue_is_a_link_to_us(text: str) -> None:
    link = "https://im.example/pre/runbooks/db/DiskFull"
    # Whatever the alert is called: the rule says which runbook is meant.
    assert books().find({"alertname": "X"}, {"runbook_url": text}) == (link, "annotation")
    assert books().find({"alertname": "X"}, {"runbook": text}) == (link, "annotation")


@pytest.mark.parametrize(
    "text",
    ["/runbooks/db/Nothing", "/runbooks/../db/DiskFull", "//db/DiskFull", "/runbooks//db/DiskFull"],
)
def test_another_path_is_none(text: str) -> None:
    assert books().find({"alertname": "X"}, {"runbook_url": text}) == ("", "none")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "javascript:alert(1)",
        "ftp://a.example/",
        "//a.example/",
        "/runbooks/x",
        "https://",
        "https:///path",
        "https://ours.example@evil.example/",
        "https://user:secret@ours.example/",
        "https://evil.example\\@ours.example/",
        "https://a.example/with space",
        "https://a.example/\nb",
        "https://a.example/\x00",
        "https://a.example/\u202egpj.exe",
        "https://a.example/\u200b",
        'https://a.example/"onclick',
        "https://a.example/<!channel>",
        "https://а.example/",  # noqa: RUF001 - a Cyrillic letter on purpose
        "https://a.example/" + "x" * 3000,
        "see https://a.example/",
    ],
)
def test_only_http_urls_become_links(text: str) -> None:
    assert not is_link(text)
    assert books().find({}, {"runbook_url": text, "runbook": text}) == ("", "none")


@pytest.mark.parametrize(
    "text", ["https://a.example", "HTTP://A.EXAMPLE/x", "https://[::1]:8080/ü?q=1&r=(2)#f"]
)
def test_ordinary_urls_are_links(text: str) -> None:
    assert is_link(text)


@pytest.mark.parametrize(
    ("labels", "url"),
    [
        ({"alertname": "DiskFull", "system": "db"}, "https://im.example/pre/runbooks/db/DiskFull"),
        ({"alertname": "DiskFull", "system": "web"}, "https://im.example/pre/runbooks/DiskFull"),
        ({"alertname": "DiskFull"}, "https://im.example/pre/runbooks/DiskFull"),
        ({"alertname": "DiskFull 2"}, "https://im.example/pre/runbooks/DiskFull%202"),
    ],
)
def test_the_catalogue_by_system_then_by_alertname(labels: dict[str, str], url: str) -> None:
    assert books("https://w.example/{alertname}").find(labels, {}) == (url, "catalogue")


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"alertname": "Only"},
        {"alertname": "other/Only"},
        {"system": "other", "alertname": ""},
        {"alertname": "../DiskFull"},
        {"system": "..", "alertname": "db/DiskFull"},
    ],
)
def test_a_label_is_no_path(labels: dict[str, str]) -> None:
    assert books().find(labels, {}) == ("", "none")


def test_the_template_fills_in_any_label_encoded() -> None:
    subject = books("https://w.example/{system}/{alertname}?team={team}", frozenset())
    labels = {"alertname": "A/b c&d", "system": "ü", "team": "x#y"}
    expected = "https://w.example/%C3%BC/A%2Fb%20c%26d?team=x%23y"
    assert subject.find(labels, {}) == (expected, "template")


@pytest.mark.parametrize("system", ["", "..", "."])
def test_a_template_with_a_hole_or_a_climb_is_no_link(system: str) -> None:
    subject = books("https://w.example/{system}/{alertname}", frozenset())
    assert subject.find({"system": system, "alertname": "A"}, {}) == ("", "none")


@pytest.mark.parametrize(
    "template",
    [
        "{alertname}",
        "https://{team}.example/",
        "{a}://b.example/",
        "https://a.example/{",
        "ftp://a/{b}",
    ],
)
def test_bad_templates_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"URL|host"):
        check_template(template)


@given(st.text(), st.text())
def test_labels_never_change_host_or_path(system: str, alertname: str) -> None:
    subject = books("https://w.example/a/{system}/{alertname}", frozenset())
    url, source = subject.find({"system": system, "alertname": alertname}, {})
    if source == "none":
        return
    parts = urlsplit(url)
    segments = [unquote(part) for part in parts.path.split("/")]
    assert (parts.netloc, parts.query, parts.fragment) == ("w.example", "", "")
    assert segments == ["", "a", system, alertname]


@given(st.text())
def test_whatever_is_a_link_is_on_its_host(text: str) -> None:
    link = f"https://host.example/{text}"
    if is_link(link):
        assert urlsplit(link).netloc == "host.example"
        assert not {" ", "\n", "<", '"'} & set(link)
