"""What commands of the checks have in common: formats, limits, and who gets which credential."""

from typing import Any

import click
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from receiver.cli.checks import options
from receiver.cli.checks.source import Deadline
from tests.support.checks import answering


@click.command
@options.output_option("markdown")
@options.timeout_option(7)
def command(output: str, timeout: float) -> None:
    click.echo(f"{output} {timeout:g}")


def run(*words: str) -> Result:
    return CliRunner().invoke(command, words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "simple 7"),
        (("-o", "text"), "simple 7"),
        (("-o", "simple"), "simple 7"),
        (("--output", "json", "--timeout", "0.1"), "json 0.1"),
        (("-o", "markdown", "--timeout", "3600"), "markdown 3600"),
    ],
)
def test_formats_and_time_limit(words: tuple[str, ...], told: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.output) == (0, f"{told}\n")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("-o", "yaml"), "-o"),
        (("-o", "TEXT"), "-o"),
        (("-o", ""), "-o"),
        (("--timeout", "0.09"), "--timeout"),
        (("--timeout", "3601"), "--timeout"),
        (("--timeout", "soon"), "--timeout"),
        (("--timeout", "nan"), "--timeout"),
    ],
)
def test_what_is_not_allowed_is_said_with_its_option(words: tuple[str, ...], option: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


def given(**more: Any) -> dict[str, Any]:
    fields = {"metrics_url": "", "metrics_token": "", "prometheus_url": "", "prometheus_token": ""}
    return {"url": "http://im:8080/", "token": "", **fields, **more}


@pytest.mark.parametrize(
    ("more", "page", "token"),
    [
        ({}, "http://im:8080/metrics", None),
        ({"token": "t"}, "http://im:8080/metrics", "t"),
        ({"token": "t", "metrics_token": "m"}, "http://im:8080/metrics", "m"),
        # Another address never gets the token of the API.
        ({"token": "t", "metrics_url": "http://m:9090/x/"}, "http://m:9090/x", None),
        (
            {"token": "t", "metrics_url": "http://m:9090/", "metrics_token": "m"},
            "http://m:9090",
            "m",
        ),
    ],
)
async def test_which_page_of_metrics_is_asked_and_as_whom(
    more: dict[str, Any], page: str, token: str | None
) -> None:
    service, metrics, prometheus = options.sources(given(**more), Deadline(1))
    assert (service.url, metrics.url, prometheus) == ("http://im:8080", page, None)
    assert metrics._headers.get("Authorization") == (f"Bearer {token}" if token else None)
    own = more.get("token")
    assert service._headers.get("Authorization") == (f"Bearer {own}" if own else None)


async def test_prometheus_is_asked_where_it_is_given_and_never_as_us() -> None:
    seen: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    async with answering(answer) as url:
        for more, header in (
            ({"token": "ours"}, None),
            ({"token": "ours", "prometheus_token": "p"}, "Bearer p"),
        ):
            *_, prometheus = options.sources(given(prometheus_url=url, **more), Deadline(5))
            assert prometheus is not None
            assert prometheus.name == "Prometheus"
            async with prometheus as entered:
                await entered.get()
            assert seen[-1] == header


def test_the_formats_are_told_in_the_help() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert "[simple|json|markdown]" in result.output
    assert "0.1<=x<=3600" in result.output
