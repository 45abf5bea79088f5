"""What a configuration says and hardly means: each setting that ends unused is named, and so is
what contradicts itself, what nothing can reach, and what can be no secret."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from receiver.audit.notes import note_doubts
from receiver.cli.root import main
from receiver.errors import ConfigError
from receiver.settings.load import read_settings
from receiver.settings.model import Settings
from tests.support.certificates import DAY, Authority

KEY = "0123456789abcdef0123456789abcdef"
STRONG = "a-long-and-random-token-of-some-length-1234567890"
ONE = "credentials: [{name: a, role: viewer,"
BOTH = f"slack: {{token: xoxb-1, channel: C1}}\npagerduty: {{routing_key: {KEY}}}\n"


class Config:
    """Writes a file that others cannot read, and reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "im.yml"

    def read(self, text: str, environ: Mapping[str, str] = {}) -> tuple[Settings, list[str]]:
        self.path.touch(mode=0o600)
        self.path.write_text(text)
        settings, warnings, *_ = read_settings(self.path, environ, {})
        return settings, [warning.replace(str(self.path), "im.yml") for warning in warnings]

    def warnings(self, text: str, environ: Mapping[str, str] = {}) -> list[str]:
        return self.read(text, environ)[1]

    def problems(self, text: str, environ: Mapping[str, str] = {}) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.read(text, environ)
        return [problem.replace(str(self.path), "im.yml") for problem in caught.value.problems]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


def first_pages(settings: Settings) -> dict[str, tuple[str, ...]]:
    return {
        priority: settings.escalations[config.escalation or ""].steps[0].notify
        for priority, config in settings.priorities.items()
    }


def test_adding_a_notifier_takes_nobodys_page_away(config: Config) -> None:
    before, quiet = config.read(BOTH)
    assert quiet == []
    after, warnings = config.read(f"{BOTH}notifiers:\n  dba: {{type: slack, channel: C2}}\n")
    assert first_pages(after) == first_pages(before)
    assert first_pages(after)["P1"] == ("pagerduty", "slack")
    assert set(after.notifiers) == {"slack", "pagerduty", "dba"}
    assert warnings == [
        (
            "im.yml:4: notifiers.dba: the notifier dba pages nobody: no policy in use names it;"
            " name it in a step of escalations"
        )
    ]


def test_a_further_notifier_is_paged_where_a_policy_names_it(config: Config) -> None:
    text = (
        f"{BOTH}notifiers: {{dba: {{type: slack, channel: C2}}}}\n"
        "escalations: {dba: {steps: [{notify: [dba]}]}}\n"
        "route: {routes: [{matchers: ['team=dba'], escalation: dba}]}\n"
    )
    settings, warnings = config.read(text)
    assert warnings == []
    assert first_pages(settings)["P1"] == ("pagerduty", "slack")


def test_a_notifier_of_a_policy_that_nothing_uses_is_named(config: Config) -> None:
    text = (
        f"{BOTH}notifiers:\n  dba: {{type: slack, channel: C2}}\n"
        "escalations:\n  dba: {steps: [{notify: [dba]}]}\n"
    )
    assert config.warnings(text) == [
        (
            "im.yml:6: escalations.dba: used by no priority and no route:"
            " set for example priorities.P1.escalation: dba"
        ),
        (
            "im.yml:4: notifiers.dba: the notifier dba pages nobody: no policy in use names it"
            " (only dba, which nothing uses); name it in a step of escalations"
        ),
    ]


def test_a_section_that_nobody_is_paged_by_is_named(config: Config) -> None:
    text = (
        f"{BOTH}escalations: {{urgent: {{steps: [{{notify: [slack]}}]}},"
        " normal: {steps: [{notify: [slack]}]}}\n"
    )
    assert config.warnings(text) == [
        (
            "im.yml:2: pagerduty.routing_key: the notifier pagerduty pages nobody: no policy in use"
            " names it; name it in a step of escalations"
        )
    ]


def test_usual_policies_without_anybody_to_page_are_refused(config: Config) -> None:
    text = "notifiers:\n  chat: {type: slack, token: xoxb-1, channel: C1}\n"
    (problem,) = config.problems(text)
    assert problem.startswith("im.yml:1: notifiers: the usual policy (normal, urgent, of P1 and")
    assert "notifies chat, for example as priorities.P1.escalation" in problem
    every = "{steps: [{notify: [chat]}]}"
    named = f"{text}escalations: {{urgent: {every}, normal: {every}}}\n"
    settings, warnings = config.read(named)
    assert (set(settings.notifiers), warnings) == ({"chat"}, [])


def test_a_name_of_the_usual_policies_means_its_kind(config: Config) -> None:
    text = f"notifiers:\n  slack: {{type: pagerduty, routing_key: {KEY}}}\n"
    (problem,) = config.problems(text)
    assert problem.startswith("im.yml:2: notifiers.slack.type: slack is the notifier")
    settings, warnings = config.read(
        "slack: {token: xoxb-1}\nnotifiers: {slack: {type: slack, channel: C9}}\n"
    )
    assert (settings.notifiers["slack"].channel, warnings) == ("C9", [])


def test_the_newcomers_path_needs_no_section(config: Config) -> None:
    settings, warnings = config.read("# all of it is a comment\n")
    assert set(settings.notifiers) == {"log"}
    assert warnings == ["im.yml:1: nothing is set here: everything has its default"]
    assert set(first_pages(settings).values()) == {("log",)}


EXPIRED = "web: {credentials: [{name: a, role: admin, expires: 2020-01-01, "


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("calendars: {plant: {time_zone: UTC}}", "calendars.plant: used by no priority"),
        (
            "route: {priority: P2}\nclassify: {default: P1}",
            "im.yml:2: classify: never asked: every route",
        ),
        (
            "route: {escalation: normal}\npriorities: {P1: {escalation: urgent}}",
            "im.yml:2: priorities.P1.escalation: has no effect: every route overrules it",
        ),
        (
            (
                "route: {priorities: {P3: {resolve_within: 1d}}, calendar: a}\n"
                "calendars: {a: {}}\npriorities: {P3: {calendar: a}}"
            ),
            "im.yml:3: priorities.P3.calendar: has no effect: every route overrules it",
        ),
        (
            (
                "route:\n  routes:\n    - escalation: normal\n      matchers: [a=b]\n"
                "      priorities: {P1: {escalation: urgent}, P2: {escalation: urgent},"
                " P3: {escalation: urgent}, P4: {escalation: urgent}}"
            ),
            "im.yml:3: route.routes.0.escalation: has no effect: a nearer setting",
        ),
        (
            "route: {routes: [{matchers: [a=b], continue: true}]}",
            "route.routes.0.continue: has no effect: no route follows",
        ),
        (
            (
                f"pagerduty: {{routing_key: {KEY}}}\nnotifiers: {{pagerduty: {{type: pagerduty,"
                f" routing_key: {KEY[::-1]}}}}}"
            ),
            "pagerduty.routing_key: has no effect: every notifier that could use it has a routing",
        ),
        (
            "slack: {token: xoxb-1, channel: C1}\nnotifiers: {slack: {type: slack, channel: C2}}",
            "slack.channel: has no effect: every notifier that could use it has a channel",
        ),
        (
            (
                "calendars: {default: {hours: '00:00-24:00', days: [mon, tue, wed, thu, fri, sat,"
                " sun]}}\npriorities: {P3: {quiet_hours: true}}"
            ),
            "priorities.P3.quiet_hours: has no effect: its calendar is open round the clock",
        ),
        ("slack: {command: /im}", "slack.command: has no effect: Slack is not listened to"),
        ("permissions: {resolve: {users: [U1]}}", "permissions: has no effect: Slack is not"),
        (f"slack: {{signing_secret: {KEY}}}", "slack.signing_secret: has no effect: nothing is"),
        ("pagerduty: {escalation_policy: P1ABC, rest_token: x}", "pagerduty.escalation_policy: "),
        ("pagerduty: {rest_url: 'https://x.example'}", "pagerduty.rest_url: has no effect: it is"),
        ("budgets: {pagerduty_per_minute: 5}", "budgets.pagerduty_per_minute: has no effect: no"),
        ("outgoing_heartbeat: {interval: 2m}", "without outgoing_heartbeat.url"),
        ("enrichment: {summary: {model: m}}", "it is of no use without enrichment.summary.url"),
        ("enrichment: {prometheus: {token: t}}", "without enrichment.prometheus.url"),
        ("status_page: {title: T}", "it is of no use without status_page.components"),
        ("incidents: {resolve_gone: true}", "nobody is asked whether alerts are gone"),
        ("incidents: {flapping: {changes: 0, hold: 5m}}", "without incidents.flapping.changes"),
        ("redis: {url: 'redis://h'}\nstorage: {max_memory: 1gb}", "storage.max_memory: has no"),
        ("integrations: {ci: {timeout_secs: 3}}", "without integrations.ci.url"),
        (
            f"observability: {{prometheus_enabled: false}}\nweb: {{metrics_token: {STRONG}}}",
            "web.metrics_token: has no effect: observability.prometheus_enabled is false",
        ),
        (
            "escalations: {urgent: {steps: [{notify: [log], mention: '!here'}]}}",
            "steps.0.mention: has no effect: none of these notifiers is Slack",
        ),
        (
            "web: {external_url: 'https://incidents.example'}",
            "web.external_url: others reach this service by it, and no credentials",
        ),
        (
            f"web: {{credentials: [{{name: am, token: {STRONG}}}]}}",
            "web.credentials.0: no role, so it may do everything, in anybody's name",
        ),
        (
            f"{EXPIRED}token: {STRONG}}}]}}",
            "web.credentials.0.expires: it expired at 2020-01-02",
        ),
        (
            "heartbeats: {a: {interval: 5m, matchers: [x=y, x=z]}}",
            'heartbeats.a.matchers: no alert matches: x="y" and x="z" cannot both be true',
        ),
        (
            "status_page: {components: [{name: A, matchers: [x=y, x!=y]}]}",
            "status_page.components.0.matchers: no alert matches",
        ),
        (
            "runbooks: {template: 'https://wiki.example/${TEAM}/{alertname}'}",
            "runbooks.template: contains ${...}, and variables are not read",
        ),
        ("web: {metrics_token: abc}", "web.metrics_token: is easy to guess, having fewer than 16"),
        ("web: {metrics_token: change-me}", "being a word that everybody tries first"),
        (f"web: {{metrics_token: {'ab' * 20}}}", "repeating a few characters"),
        ("slack: {token: abc, channel: C1}", "slack.token: is not of the form of Slack's bot"),
        ("slack: {token: xoxb-1, channel: C1, signing_secret: x}", "Slack's signing secrets"),
    ],
)
def test_what_is_given_and_hardly_meant(config: Config, text: str, warning: str) -> None:
    (only,) = config.warnings(text)
    assert only.startswith("im.yml:")
    assert warning in only


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        (f"listen_address: 0.0.0.0:8080, {ONE} token: change-me}}]", True),
        (f"listen_address: 0.0.0.0:8080, {ONE} token: short}}]", True),
        (f"listen_address: 10.0.0.9:8080, {ONE} username: a, password: password1234}}]", True),
        (f"metrics_address: 0.0.0.0:9090, metrics_token: {'ab' * 20}", True),
        (f"listen_address: 127.0.0.1:8080, {ONE} token: short}}]", False),
        (f"metrics_address: 0.0.0.0:9090, metrics_token: {STRONG}", False),
    ],
)
def test_what_is_easy_to_guess_is_refused_where_others_can_try(
    config: Config, text: str, weak: bool
) -> None:
    if not weak:
        config.read(f"web: {{{text}}}")
        return
    (only,) = config.problems(f"web: {{{text}}}")
    assert "is easy to guess" in only
    assert "others can try" in only


def test_a_key_that_others_can_read_is_said(config: Config, tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("im")
    text = "web: {tls_server_config: {cert_file: im.crt, key_file: im.key}}"
    assert config.warnings(text) == []
    files.key.chmod(0o644)
    loaded = read_settings(config.path, {}, {})
    assert loaded.exposed == loaded.warnings
    (only,) = loaded.exposed
    assert "web.tls_server_config.key_file" in only
    assert "can be read by every user of this machine" in only


def test_a_certificate_that_ends_soon_is_said(config: Config, tmp_path: Path) -> None:
    text = "web: {tls_server_config: {cert_file: im.crt, key_file: im.key}}"
    Authority(tmp_path).issue("im", since=-80 * DAY, until=10 * DAY + DAY / 2)
    (only,) = config.warnings(text)
    assert "the certificate of this port expires in 10d 1" in only
    Authority(tmp_path).issue("im", since=-80 * DAY, until=-DAY)
    (only,) = config.warnings(text)
    assert "the certificate of this port expired at" in only


def test_an_ordinary_configuration_is_not_warned_of(config: Config) -> None:
    text = f"""\
{BOTH}web: {{credentials: [{{name: am, role: admin, token: {STRONG}}}], external_url: "https://im.example"}}
calendars: {{plant: {{time_zone: Europe/Berlin}}}}
escalations:
  plant: {{steps: [{{notify: [slack]}}, {{notify: [pagerduty], after: 10m}}]}}
priorities: {{P3: {{quiet_hours: true}}}}
route:
  routes:
    - {{matchers: ['site="plant"'], calendar: plant, escalation: plant, continue: true}}
    - {{matchers: ['severity="critical"'], priorities: {{P1: {{acknowledge_within: 3m}}}}}}
classify: {{rules: [{{matchers: [a=b], priority: P1}}, {{matchers: [a=c], priority: P2}}]}}
heartbeats: {{backup: {{interval: 26h}}}}
"""
    assert config.warnings(text) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], ["a=b"]),
        (["a=b"], ["a=b"]),
        (["a=b"], ["a=b", "c=d"]),
        (['a=~"b|c"'], ["a=b"]),
        (['a=~"b|c|d"'], ['a=~"b|c"']),
        (["a!=x"], ["a=b"]),
        (["a!=x"], ['a!~"x|y"']),
        (['a=~".+"'], ["a=b"]),
        (['a!~"x.*"'], ["a=b"]),
        (['a=~".*"'], ["c=d"]),
        (["a!=x"], ['a=~"b.*"']),
    ],
)
def test_a_route_that_one_before_it_takes(config: Config, before: Any, after: Any) -> None:
    text = f"route:\n  routes:\n    - {{name: wide, matchers: {before}}}\n    - matchers: {after}\n"
    (warning,) = config.warnings(text)
    assert warning.startswith("im.yml:4: route.routes.1: no alert can take this route: the route w")
    assert config.warnings(text.replace("wide, ", "wide, continue: true, ")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["a=b"], []),
        (["a=b", "c=d"], ["a=b"]),
        (["a=b"], ['a=~"b|c"']),
        (['a=~"b.*"'], ['a=~"b.+"']),
        (["a!=b"], ["c=d"]),
        (['a!~"x|y"'], ["a!=x"]),
        (['a=~".+"'], ['a=~"b.*"']),
    ],
)
def test_a_route_that_some_alert_may_still_take(config: Config, before: Any, after: Any) -> None:
    text = f"route: {{routes: [{{matchers: {before}}}, {{matchers: {after}}}]}}\n"
    assert config.warnings(text) == []


def test_routes_that_contradict_themselves_or_what_is_above_them(config: Config) -> None:
    text = """\
route:
  routes:
    - matchers: ['team="a"', 'team="b"']
    - matchers: ['team="c"']
      routes:
        - {matchers: ['team=~"d|e"'], routes: [{matchers: [x=y]}]}
        - matchers: ['severity="critical"']
    - matchers: [severity=warning]
    - matchers: ['team="f"']
      routes: [{matchers: [severity=warning]}]
"""
    warnings = config.warnings(text)
    assert [warning.split(": no alert")[0] for warning in warnings] == [
        "im.yml:3: route.routes.0",
        "im.yml:6: route.routes.1.routes.0",
        "im.yml:10: route.routes.3.routes.0",
    ]
    assert 'team="a" and team="b" cannot both be true' in warnings[0]
    assert 'the route route.routes.2 before it takes severity="warning"' in warnings[2]


def test_rules_that_never_decide(config: Config) -> None:
    text = """\
classify:
  rules:
    - {name: all db, matchers: ['team="db"'], priority: P2}
    - {matchers: ['team="db"', 'x="y"'], priority: P1}
    - {matchers: ['team="web"'], when: value > 1, priority: P1}
    - {matchers: ['team="web"'], priority: P2}
    - {matchers: ['team="web"'], when: value > 1, priority: P3}
    - {matchers: ['a="b"', 'a!="b"'], priority: P3}
"""
    warnings = config.warnings(text)
    assert [warning.split(" never decides: ")[0] for warning in warnings] == [
        "im.yml:4: classify.rules.1:",
        "im.yml:7: classify.rules.4:",
        "im.yml:8: classify.rules.5:",
    ]
    assert "the rule 'all db' before it holds as well" in warnings[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "priorities: {P2: {acknowledge_within: 3h}}",
            "im.yml:1: priorities.P2.acknowledge_within: P2: resolve_within 2h is over before",
        ),
        (
            "priorities: {P3: {acknowledge_within: next business day, resolve_within: 2h}}",
            "priorities.P3.resolve_within: P3: resolve_within 2h is over before",
        ),
        (
            "route: {routes: [{matchers: [a=b], priorities: {P1: {resolve_within: 1m}}}]}",
            "route.routes.0.priorities.P1.resolve_within: P1: resolve_within 1m is over",
        ),
        (
            "priorities: {P1: {acknowledge_within: 30s}}",
            "priorities.P1.acknowledge_within: P1: deliver_within 1m is over after",
        ),
        (
            (
                "escalations: {urgent: {steps: [{notify: [log]}, {notify: [log], after: 20m},"
                " {notify: [log], after: 10m}]}}"
            ),
            "escalations.urgent.steps.2.after: 10m is before step 2, which is due after 20m",
        ),
        ("incidents: {retention: 10m}", "incidents.reopen_within: is longer than incidents.ret"),
        ("slack: {token: xapp-1, channel: C1}", "slack.token: is an app-level token, which"),
        ("slack: {token: xoxp-1, channel: C1}", "slack.token: is a user's token"),
        (
            "slack: {token: xoxb-1, channel: '#ops room'}",
            "slack.channel: neither the id of a Slack",
        ),
        ("slack: {signing_secret: xoxb-1}", "slack.signing_secret: is a token, not the signing"),
        (f"pagerduty: {{rest_token: {KEY}}}", "pagerduty.rest_token: has the form of a routing"),
        (
            "pagerduty: {routing_key: u+aBcDeFgHiJkLmNoPqR}",
            "pagerduty.routing_key: a PagerDuty routing key has 32 characters; this one has 20",
        ),
        ("slack: {token: '${SLACK_TOKEN}', channel: C1}", "slack.token: a placeholder that noth"),
        ("slack: {token: $SLACK_TOKEN, channel: C1}", "slack.token: a placeholder that nothing"),
        ("slack: {token: <your token>, channel: C1}", "slack.token: a placeholder that nothing"),
        ("web: {metrics_token: '{{ token }}'}", "web.metrics_token: a placeholder that nothing"),
        ("redis: {url: 'redis://:${PASSWORD}@h'}", "redis.url: a placeholder that nothing"),
        ("slack: {token: ' xoxb-1', channel: C1}", "slack.token: has blanks before or after it"),
        ("slack: {token: '\"xoxb-1\"', channel: C1}", "slack.token: has quotes around it"),
        ('slack: {token: "\\uFEFFxoxb-1", channel: C1}', "slack.token: contains a byte-order"),
    ],
)
def test_what_contradicts_itself_is_refused(config: Config, text: str, problem: str) -> None:
    (only,) = config.problems(text)
    assert only.startswith("im.yml:1: ")
    assert problem in only


@pytest.mark.parametrize("written", ["\ufeffxoxb-1\n", '"xoxb-1"\n', "xoxb-1 \n", "${TOKEN}\n"])
def test_secret_files_that_hold_more_than_the_secret(
    config: Config, tmp_path: Path, written: str
) -> None:
    (tmp_path / "token").write_text(written)
    (problem,) = config.problems("slack: {token_file: token, channel: C1}")
    assert problem.startswith("im.yml:1: slack.token: ")
    assert "xoxb" not in problem


def test_files_that_everybody_can_read(config: Config, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("xoxb-1")
    token.chmod(0o644)
    text = "slack: {token_file: token, channel: C1}"
    assert config.warnings(text) == [
        f"im.yml:1: slack.token: {token} can be read by every user of this machine: chmod 600"
    ]
    token.chmod(0o640)
    assert config.warnings(text) == []
    # What Kubernetes mounts can be read by everybody in the container, and that is nobody else.
    mounted = tmp_path / "..2026_11_26_10_00_00.1"
    mounted.mkdir()
    (mounted / "token").write_text("xoxb-1")
    (mounted / "token").chmod(0o644)
    token.unlink()
    token.symlink_to(mounted / "token")
    assert config.warnings(text) == []
    config.path.chmod(0o644)
    (warning,) = config.warnings("slack: {token: xoxb-1, channel: C1}")
    assert warning == (
        "im.yml:1: slack.token: im.yml holds secrets (slack.token) and can be read by every user"
        " of this machine: chmod 600, or use ..._file"
    )


def test_variables_that_look_like_settings(config: Config) -> None:
    environ = {
        "LLM_IM_SLACK__TOKEN": "hunter2",
        "LLM_IM_WEB_EXTERNAL_URL": "x",
        "LLMIM__SLACK__TOKEN_FILE": "x",
        "llm_im__notifiers__dba__token": "x",
    }
    problems = config.problems("", environ)
    assert "hunter2" not in "".join(problems)
    assert [problem.partition("; did you mean ")[::2] for problem in problems] == [
        (f"{name}: not read: settings begin with LLM_IM__, and have __ before each key", meant)
        for name, meant in (
            ("LLMIM__SLACK__TOKEN_FILE", "LLM_IM__SLACK__TOKEN_FILE?"),
            ("LLM_IM_SLACK__TOKEN", "LLM_IM__SLACK__TOKEN?"),
            ("LLM_IM_WEB_EXTERNAL_URL", "LLM_IM__WEB__EXTERNAL_URL?"),
            ("llm_im__notifiers__dba__token", "LLM_IM__NOTIFIERS__DBA__TOKEN?"),
        )
    ]


def test_variables_of_others_stop_nothing(config: Config) -> None:
    environ = {
        "LLM_IM_SERVICE_HOST": "10.0.0.1",
        "LLM_IM_VALKEY_SERVICE_PORT": "6379",
        "LLM_IM_VALKEY_PORT": "tcp://10.0.0.1:6379",
        "LLM_IM_PORT_8080_TCP_ADDR": "10.0.0.1",
        "LLM_IM_SERVICE_PORT_HTTP": "8080",
        "LLM_IMAGE": "x",
        "PATH": "/bin",
    }
    assert config.warnings("log: {level: info}", environ) == []
    unknown = {"LLM_IM_HOME": "/opt", "LLM_IM_SLAK_TOKEN": "x", "LLM_IM_LOG_DIR": "/var/log"}
    warnings = config.warnings("log: {level: info}", unknown)
    assert [warning.split(": ")[0] for warning in warnings] == sorted(unknown)
    assert "did you mean LLM_IM__SLACK__...?" in warnings[2]


def test_the_command_and_the_log_say_it(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    config.warnings(f"{BOTH}notifiers: {{dba: {{type: slack, channel: C2}}}}\n")
    result = CliRunner().invoke(main, ["check-config", str(config.path)])
    assert result.exit_code == 0
    assert (
        f"warning: {config.path}:3: notifiers.dba: the notifier dba pages nobody" in result.output
    )
    with caplog.at_level(logging.WARNING):
        note_doubts(["one", "two"])
    assert [record.message for record in caplog.records] == [
        "configuration: one",
        "configuration: two",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("route:\n\troutes: []\n", "im.yml:2: not valid YAML: a tab; indent with blanks"),
        ("- a\n", "im.yml:1: must be a mapping of sections to values"),
        ("slack", "im.yml:1: must be a mapping of sections to values"),
        ("route: []", "im.yml:1: route: must be a mapping of keys to values"),
        ("route: {routes: {a: b}}", "im.yml:1: route.routes: must be a list"),
        ("route: {routes: [a]}", "im.yml:1: route.routes.0: must be a mapping of keys to values"),
        ("notifiers: [slack]", "im.yml:1: notifiers: must be a mapping of keys to values"),
        ("escalations: {a: [b]}", "im.yml:1: escalations.a: must be a mapping"),
        (
            "escalations: {urgent: {steps: [{notify: log}]}}",
            "im.yml:1: escalations.urgent.steps.0.notify: must be a list",
        ),
        ("heartbeats: {a: 5m}", "im.yml:1: heartbeats.a: must be a mapping"),
        ("slack: {}\nslack: {}", "im.yml:2: slack: given twice, first in line 1"),
        ("slack: {}\n---\nlog: {}", "im.yml:2: not valid YAML: but found another document"),
        ("{{ template }}", "im.yml:1: a key must be plain text"),
        ("web: {listen_address: 8080}", "im.yml:1: web.listen_address: must be text"),
        ("a: " + "[" * 5000, "im.yml:1: not valid YAML: nested too deeply"),
    ],
)
def test_what_newcomers_write(config: Config, text: str, problem: str) -> None:
    first, *_ = config.problems(text)
    assert first.startswith(problem)


@pytest.mark.parametrize("name", ["'#ops'", "ops"])
def test_a_channel_by_name_works_and_is_a_warning(config: Config, name: str) -> None:
    (warning,) = config.warnings(f"slack: {{token: xoxb-1, channel: {name}}}\n")
    assert "slack.channel: a channel's name, which finds nothing once it is changed" in warning
    text = (
        "slack: {token: xoxb-1, channel: C1}\nescalations: {urgent: {steps: [{notify: [dba]}]}}\n"
    )
    warnings = config.warnings(f"{text}notifiers: {{dba: {{type: slack, channel: {name}}}}}\n")
    assert any("notifiers.dba.channel: a channel's name" in one for one in warnings)
