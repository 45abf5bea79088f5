"""What in an Alertmanager configuration does not go well with ours, and where."""

from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from click.testing import CliRunner

from receiver.alertmanager.check_config import check_alertmanager
from receiver.cli.root import main
from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from routing.config.base import IncidentsConfig
from tests.support.places import ROOT

H = 3_600_000
URL = "http://im:8080/v1/alerts/webhook"
OURS = f"receivers: [{{name: ours, webhook_configs: [{{url: '{URL}'}}]}}, {{name: other}}]\n"


class Checked:
    """Writes a configuration, checks it, and returns the warnings with a short file name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "am.yml"

    def __call__(self, text: str, stale_after: float = 5) -> list[str]:
        self.path.write_text(dedent(text))
        # However long a group_interval is: peers are a test of their own.
        ours = IncidentsConfig.model_validate(
            {"stale_after": f"{int(stale_after * H)}ms", "peer_window": "1y"}
        )
        found = check_alertmanager(self.path, ours)
        return [warning.replace(str(self.path), "am.yml") for warning in found]

    def problem(self, text: str) -> str:
        with pytest.raises(ConfigError) as caught:
            self(text)
        return str(caught.value).replace(str(self.path), "am.yml")


@pytest.fixture
def check(tmp_path: Path) -> Checked:
    return Checked(tmp_path)


@pytest.mark.parametrize(
    ("intervals", "longest"),
    [
        ("", "4h5m"),
        (", repeat_interval: 12h", "12h5m"),
        (", group_interval: 90m", "5h30m"),
        (", group_interval: 1m, repeat_interval: 3h", "3h1m"),
        (", group_interval: 1d, repeat_interval: 1w", "8d"),
    ],
)
def test_the_longest_silence_of_a_group_that_fires(
    check: Checked, intervals: str, longest: str
) -> None:
    text = f"route: {{receiver: ours{intervals}}}\n" + OURS
    hours = {"4h5m": 4 + 5 / 60, "12h5m": 12 + 5 / 60, "5h30m": 5.5, "3h1m": 3 + 1 / 60}
    exact = hours.get(longest, 8 * 24)
    assert check(text, exact + 0.001) == []
    assert check(text, 0) == []
    (warning,) = check(text, exact)
    assert warning.startswith(
        f"am.yml:1: the root route to ours repeats a group after up to {longest} ("
    )
    assert f"set incidents.stale_after to more than {longest}, " in warning


def test_intervals_and_receivers_are_inherited(check: Checked) -> None:
    text = """
        route:
          receiver: other
          repeat_interval: 6h
          routes:
            - matchers: ['team="a"', 'env=~"x|y"']
              receiver: ours
              routes:
                - match: {severity: critical}
                  repeat_interval: 1h
                - match_re: {severity: warn.*}
                  group_interval: 8h
            - receiver: ours
              repeat_interval: 1h
              matchers: [b="1"]
            - receiver: other
              matchers: [c="1"]
              routes:
                - {receiver: ours, matchers: [d="1"]}
    """
    found = check(dedent(text) + OURS)
    assert [warning.split(" repeats")[0] for warning in found] == [
        'am.yml:6: the route {team="a", env=~"x|y"} to ours',
        'am.yml:11: the route {team="a", env=~"x|y"} > {severity=~"warn.*"} to ours',
        'am.yml:19: the route {c="1"} > {d="1"} to ours',
    ]
    assert "repeat_interval 6h + group_interval 5m" in found[0]
    assert "repeat_interval 6h + group_interval 8h" in found[1]


def test_a_route_that_no_alert_reaches_is_not_warned_of(check: Checked) -> None:
    text = """
        route:
          receiver: ours
          repeat_interval: 9h
          routes:
            - {receiver: other, matchers: [a="1"]}
            - {receiver: other}
            - {receiver: ours, matchers: [b="1"]}
    """
    assert check(dedent(text) + OURS) == ["am.yml:2: no route leads to the receiver ours"]
    going_on = text.replace("{receiver: other}", "{receiver: other, continue: true}")
    (warning,) = check(dedent(going_on) + OURS)
    assert warning.startswith('am.yml:8: the route {b="1"} to ours repeats')


def test_webhooks_that_hide_what_happens(check: Checked) -> None:
    text = f"""
        route: {{receiver: ours}}
        receivers:
          - name: ours
            webhook_configs:
              - url: {URL}/?cluster=eu
                send_resolved: false
              - url: http://pager.example/hook
                send_resolved: false
              - max_alerts: 50
                url: {URL}
          - name: unused
            webhook_configs:
              - {{url: 'http://other.example/', max_alerts: 1}}
    """
    first, doubled, second = check(text)
    assert first.startswith("am.yml:7: send_resolved is false: ")
    assert second.startswith("am.yml:10: max_alerts is 50: ")
    assert doubled.startswith("am.yml:10: a second webhook")


def test_without_our_path_any_webhook_may_be_ours(check: Checked) -> None:
    text = """
        route: {receiver: a, repeat_interval: 9h}
        receivers:
          - name: a
            webhook_configs: [{url: 'http://proxy.example/alerts'}]
          - name: b
            webhook_configs: [{url: 'http://proxy.example/b', max_alerts: 5}]
    """
    found = check(text)
    assert [warning.split(" ")[0] for warning in found] == ["am.yml:2:", "am.yml:7:"]


def test_a_url_in_a_file_may_be_ours(check: Checked) -> None:
    text = """
        route: {receiver: a, repeat_interval: 9h}
        receivers:
          - name: a
            webhook_configs: [{url_file: /etc/secret}]
    """
    assert len(check(text)) == 1


def test_nobody_tells_us(check: Checked) -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a}]\n"
    assert check(text) == [
        "am.yml:1: no receiver has a webhook: no alert comes to the incident manager"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "am.yml:1: expected a mapping"),
        ("- a\n", "am.yml:1: expected a mapping"),
        (OURS, "am.yml:1: route must be a mapping"),
        ("route: x\n" + OURS, "am.yml:1: route must be a mapping"),
        ("route:\n  routes: {a: 1}\n" + OURS, "am.yml:2: routes must be a list"),
        ("route:\n  routes:\n    - 1\n" + OURS, "am.yml:3: expected a mapping"),
        ("route:\n\n  repeat_interval: soon\n" + OURS, "am.yml:3: not a duration: 'soon'"),
        ("route: {receiver: [\n", "am.yml:2: not valid YAML"),
        ("receivers:\n  ours: 1\n", "am.yml:1: receivers must be a list"),
        ("a: 1\na: 2\n", "am.yml:2: a: given twice"),
        ("route: &r {routes: [*r]}\n" + OURS, "am.yml:1: an alias that contains itself"),
        ("route: " + "{routes: [" * 300 + "]}" * 300 + "\n" + OURS, "nested too deeply"),
    ],
)
def test_what_is_no_configuration_is_said_with_its_place(
    check: Checked, text: str, words: str
) -> None:
    assert words in check.problem(text)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "am.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"am\.yml: cannot be read: "):
        check_alertmanager(path, IncidentsConfig())


def routes(*children: str, receiver: str = "other") -> str:
    """A configuration whose root has these children, one a line from line 4 on."""
    listed = "".join(f"    - {child}\n" for child in children)
    return f"route:\n  receiver: {receiver}\n  routes:\n{listed}{OURS}"


@pytest.mark.parametrize(
    "children",
    [
        # Two ways, one after the other.
        (
            """{matchers: ['team="db"'], receiver: ours, continue: true}""",
            """{matchers: ['severity="critical"'], receiver: ours}""",
        ),
        # Deeper, and the old way to write matchers.
        (
            "{match: {team: db}, continue: true, routes: [{receiver: ours}]}",
            "{match_re: {severity: critical|high}, receiver: ours}",
        ),
        # What prometheus-operator makes of two AlertmanagerConfigs of one namespace.
        (
            """{matchers: ['namespace="shop"'], receiver: ours, continue: true}""",
            """{matchers: ['namespace="shop"', 'team="db"'], receiver: ours, continue: true}""",
        ),
        # What is no plain list of words is not known to share nothing.
        (
            """{matchers: ['team=~"d.*"'], receiver: ours, continue: true}""",
            """{matchers: ['team=~"[a-c].*"'], receiver: ours}""",
        ),
    ],
)
def test_one_alert_that_comes_by_two_routes(check: Checked, children: tuple[str, str]) -> None:
    (warning,) = check(routes(*children))
    assert warning.startswith("am.yml:4: continue: true: an alert of the route {")
    assert "(receiver ours both times): two incidents and two pages" in warning


@pytest.mark.parametrize(
    "children",
    [
        # The first that matches takes it.
        ("{matchers: ['team=\"db\"'], receiver: ours}", "{receiver: ours}"),
        # Nothing can match both.
        (
            """{matchers: ['namespace="shop"'], receiver: ours, continue: true}""",
            """{matchers: ['namespace="bank"'], receiver: ours, continue: true}""",
        ),
        (
            """{matchers: ['severity=~"critical|high"'], receiver: ours, continue: true}""",
            """{matchers: ['severity!~"critical|high"'], receiver: ours}""",
        ),
        # It goes on, and not to us.
        ("{receiver: other, continue: true}", "{receiver: ours}"),
        ("{matchers: ['a=\"b\"'], receiver: ours, continue: true}", "{receiver: other}"),
    ],
)
def test_ways_that_share_no_alert(check: Checked, children: tuple[str, str]) -> None:
    assert check(routes(*children)) == []


def test_two_receivers_that_both_lead_to_us(check: Checked) -> None:
    text = routes("{receiver: ours, continue: true}", "{receiver: again}")
    text += f"  - {{name: again, webhook_configs: [{{url: '{URL}?cluster=eu'}}]}}\n"
    text = text.replace(
        OURS,
        OURS.replace("receivers: [", "receivers:\n  - ").replace(
            "}, {name: other}]", "}\n  - {name: other}"
        ),
    )
    (warning,) = check(text)
    assert "both lead to the incident manager (receiver ours and again)" in warning


def test_a_receiver_that_says_it_is_two_clusters(check: Checked) -> None:
    hooks = f"[{{url: '{URL}?cluster=a'}}, {{url: '{URL}?cluster=b'}}]"
    (warning,) = check(
        f"route: {{receiver: ours}}\nreceivers: [{{name: ours, webhook_configs: {hooks}}}]\n"
    )
    assert "a second webhook of this receiver has another ?cluster=" in warning
    # The same one twice is one group, told twice.
    hooks = f"[{{url: '{URL}'}}, {{url: '{URL}'}}]"
    assert not check(
        f"route: {{receiver: ours}}\nreceivers: [{{name: ours, webhook_configs: {hooks}}}]\n"
    )


@pytest.mark.parametrize("key", ["active_time_intervals", "mute_time_intervals"])
def test_what_holds_notifications_back_swallows_ends(check: Checked, key: str) -> None:
    (warning,) = check(routes(f"{{match: {{a: b}}, receiver: ours, {key}: [nights]}}"))
    assert warning.startswith('am.yml:4: the route {a="b"} to ours holds notifications back')
    assert f"({key}: nights), and with them the news that an alert has ended" in warning
    # Elsewhere it is nobody's business, and children do not inherit it.
    assert not check(
        routes(
            f"{{match: {{a: b}}, receiver: other, {key}: [nights], routes: "
            "[{match: {c: d}, receiver: ours}]}",
        )
    )


def test_the_command_warns_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "am.yml"
    path.write_text("route: {receiver: ours, repeat_interval: 99h}\n" + OURS)
    result = CliRunner().invoke(main, ["check-config", "--alertmanager", str(path)])
    assert result.exit_code == 0
    assert result.stderr.startswith(f"warning: {path}:1: the root route to ours repeats")
    assert "ok" in result.stdout


def test_the_command_fails_for_what_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "am.yml"
    path.write_text("route: [\n")
    result = CliRunner().invoke(main, ["check-config", "--alertmanager", str(path)])
    assert result.exit_code == 1
    assert f"{path}:2: not valid YAML" in result.stderr


def test_the_file_we_ship_is_a_configuration() -> None:
    path = ROOT / "alertmanager.yml"
    repeat = yaml.safe_load(path.read_text())["route"]["repeat_interval"]
    assert repeat.endswith("h")
    ours = IncidentsConfig.model_validate({"stale_after": f"{int(repeat[:-1]) + 1}h"})
    assert check_alertmanager(path, ours) == []


def test_the_file_we_ship_goes_well_with_the_usual_settings() -> None:
    shipped = ROOT / "alertmanager.yml"
    assert check_alertmanager(shipped, IncidentsConfig()) == []


def test_the_files_we_ship_hold_nothing_back_and_ask_what_became_of_alerts() -> None:
    root = ROOT
    assert "time_interval" not in (root / "alertmanager.yml").read_text()
    settings = load_settings(root / "deploy/incident-manager.yml", {}, {})
    assert [peers.urls for peers in settings.alertmanagers] == [("http://127.0.0.1:9093",)]
    # What only informs waits here instead.
    assert settings.priorities["P4"].quiet_hours


def test_a_peer_may_take_as_long_as_its_group_interval(tmp_path: Path) -> None:
    path = tmp_path / "am.yml"
    path.write_text("route: {receiver: ours, repeat_interval: 1h, group_interval: 10m}\n" + OURS)
    (warning,) = check_alertmanager(path, IncidentsConfig())
    assert "set incidents.peer_window to more than 10m15s" in warning
    ours = IncidentsConfig.model_validate({"peer_window": "11m"})
    assert check_alertmanager(path, ours) == []
