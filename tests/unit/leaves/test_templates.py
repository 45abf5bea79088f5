"""Templates: HTML is escaped, what is missing is an error, and no template does more than show."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from receiver import templates
from receiver.paths import templates_folder
from receiver.templates import assets_version, prepare, read_asset, render, style_source

CACHED = (templates._environment, read_asset, style_source, assets_version)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a test's own templates."""
    monkeypatch.setattr(templates, "templates_folder", lambda: tmp_path)
    forget()
    (tmp_path / "console").mkdir()
    yield tmp_path
    forget()


def forget() -> None:
    for cached in CACHED:
        cached.cache_clear()


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a & b", "a &amp; b"),
        ("\"' onload=x", "&#34;&#39; onload=x"),
        ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
        ("\u202etxt", "\u202etxt"),
        ("&lt;", "&amp;lt;"),
        (7, "7"),
        (None, "None"),
    ],
)
def test_a_page_shows_every_value_as_text(folder: Path, value: object, shown: str) -> None:
    page = write(folder, "page.html.j2", '<p title="{{ x }}">{{ x }}</p>')
    assert render(page, x=value) == f'<p title="{shown}">{shown}</p>'


@pytest.mark.parametrize("name", ["page.j2", "page.md.j2", "html.j2.txt"])
def test_what_is_no_page_is_not_escaped_again(folder: Path, name: str) -> None:
    assert render(write(folder, name, "{{ x }}"), x="a &amp; b < c") == "a &amp; b < c"


def test_a_value_is_escaped_once_through_includes_and_macros(folder: Path) -> None:
    write(folder, "parts.html.j2", "{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}")
    write(folder, "inner.html.j2", "<i>{{ x }}</i>")
    text = "{% from 'parts.html.j2' import bold %}{{ bold(x) }}{% include 'inner.html.j2' %}"
    assert render(write(folder, "page.html.j2", text), x="<") == "<b>&lt;</b><i>&lt;</i>"


@pytest.mark.parametrize(
    "text",
    ["{{ x }}", "{{ y.gone }}", "{% if x %}a{% endif %}", "{% for i in x %}{% endfor %}"],
)
def test_a_value_that_is_missing_is_an_error_and_not_a_blank(folder: Path, text: str) -> None:
    with pytest.raises(UndefinedError):
        render(write(folder, "page.j2", text), y={})


@pytest.mark.parametrize(
    "text",
    [
        "{{ x.__class__.__mro__ }}",
        "{{ ''.__class__.__subclasses__() }}",
        "{{ x.append(1) }}",
        "{% set _ = y.update({'a': 1}) %}",
        "{{ y.pop('k') }}",
    ],
)
def test_no_template_reaches_beyond_its_values_nor_changes_them(folder: Path, text: str) -> None:
    values, more = [1], {"k": 2}
    with pytest.raises(SecurityError):
        render(write(folder, "page.j2", text), x=values, y=more)
    assert (values, more) == ([1], {"k": 2})


@pytest.mark.parametrize("key", ["name", "items", "get", "pop", "__class__", "a b", ""])
def test_what_a_mapping_has_is_found_as_jinja_finds_it(folder: Path, key: str) -> None:
    """A label may be called as a method is: the method is meant, as the template was written."""
    shipped = "{{ x.name }} {% for k, v in x.items() %}{{ k }}={{ v }};{% endfor %}{{ x.get('z') }}"
    page = write(folder, "page.j2", shipped)
    assert render(page, x={"name": "n", key: "v"}) == (
        f"{'v' if key == 'name' else 'n'} name={'v' if key == 'name' else 'n'};"
        + ("" if key == "name" else f"{key}=v;")
        + "None"
    )


def test_templates_are_ready_before_the_first_page(folder: Path) -> None:
    page = write(folder, "console/page.html.j2", "{{ x }}")
    write(folder, "unfinished.html", "{% if")
    (folder / "review").mkdir()
    write(folder, "review/page.md.j2", "{{ x | a_filter_of_its_own }}")
    prepare()
    environment = templates._environment()
    assert environment.cache is not None
    assert len(environment.cache) == 1
    assert render(page, x="<") == "&lt;"


def test_a_template_that_is_broken_is_found_at_the_start(folder: Path) -> None:
    write(folder, "console/page.html.j2", "{% if")
    with pytest.raises(TemplateSyntaxError):
        prepare()


@pytest.mark.parametrize("name", ["gone.j2", "../outside.j2", "console/../../outside.j2", "/etc/x"])
def test_only_what_is_in_the_folder_is_a_template(folder: Path, name: str) -> None:
    write(folder.parent, "outside.j2", "secret")
    with pytest.raises(TemplateNotFound):
        render(name)


@pytest.mark.parametrize(
    ("text", "shown"), [("\n\n a \n\n", "a"), (" \n", ""), ("a\n\nb\n", "a\n\nb")]
)
def test_blank_space_around_is_cut_and_within_is_kept(folder: Path, text: str, shown: str) -> None:
    assert render(write(folder, "page.j2", text)) == shown


def test_a_huge_value_is_shown_whole(folder: Path) -> None:
    page = write(folder, "page.html.j2", "{{ x }}")
    assert render(page, x="<" * 100_000) == "&lt;" * 100_000


def test_five_hundred_values_are_shown_in_order(folder: Path) -> None:
    page = write(folder, "page.j2", "{% for n in x %}{{ n }}\n{% endfor %}")
    assert render(page, x=range(500)).split("\n") == [str(number) for number in range(500)]


@pytest.mark.parametrize("where", ["console", "status"])
def test_a_style_sheet_is_allowed_by_the_sum_of_exactly_what_is_served(where: str) -> None:
    raw = (templates_folder() / where / "style.css").read_bytes()
    assert read_asset("style.css", where).encode() == raw
    wanted = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    assert style_source(where) == f"'sha256-{wanted}'"


def test_the_console_is_the_usual_folder() -> None:
    assert read_asset("script.js") == read_asset("script.js", "console")
    assert style_source() == style_source("console")
    assert style_source("status") != style_source("console")


def test_the_version_is_another_when_any_file_is_another_or_comes_or_goes(folder: Path) -> None:
    def version() -> str:
        assets_version.cache_clear()
        return assets_version()

    seen = [version()]
    script, style = folder / "console" / "a.js", folder / "console" / "b.css"
    for path, text in ((script, "1"), (style, "1"), (style, "2"), (script, "2"), (script, "")):
        path.write_text(text)
        seen.append(version())
    script.unlink()
    assert version() == seen[-1], "an empty file changes nothing that is served"
    assert len(set(seen)) == len(seen)
    assert {len(word) for word in seen} == {12}


def test_the_version_is_a_word_that_a_url_can_hold() -> None:
    assert assets_version().isalnum()
