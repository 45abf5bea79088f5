"""Settings as they are loaded: layers, secrets, defaults that follow, and every problem named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.config.types import is_loopback, split_address
from receiver.config.yaml_lines import read_yaml
from receiver.errors import ConfigError
from receiver.paths import runbooks_folder
from receiver.settings.load import load_settings
from receiver.settings.model import Settings
from routing.time_limit import parse_within

KEY = "0123456789abcdef0123456789abcdef"


class Config:
    """Writes a file and loads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "im.yml"

    def load(self, text: str = "", environ: Mapping[str, str] = {}, **flags: Any) -> Settings:
        self.path.write_text(text)
        dotted = {name.replace("__", "."): value for name, value in flags.items()}
        return load_settings(self.path, environ, dotted)

    def problems(self, text: str = "", environ: Mapping[str, str] = {}, **flags: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, environ, **flags)
        return [problem.replace(str(self.path), "im.yml") for problem in caught.value.problems]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


def test_nothing_configured_is_enough() -> None:
    settings = load_settings(None, {}, {})
    assert settings.web.listen_address == "127.0.0.1:8080"
    assert {name: config.type for name, config in settings.notifiers.items()} == {"log": "log"}
    assert settings.priorities["P1"].acknowledge_within == parse_within("5m")
    assert settings.priorities["P4"].acknowledge_within == parse_within("next business day")
    assert settings.priorities["P3"].deliver_within == 600_000
    for policy in settings.escalations.values():
        assert [(step.notify, step.mention) for step in policy.steps] == [(("log",), "")] * 2
    assert settings.incidents.tombstone_ttl == 86_400_000
    assert settings.redis.url == ""


def test_the_environment_of_the_operational_runbook() -> None:
    environ = {
        "LLM_IM__ENRICHMENT__CACHE_TTL_SECS": "300",
        "LLM_IM__ENRICHMENT__CACHE_MAX_SIZE": "10000",
        "LLM_IM__INTEGRATIONS__MAX_CONNECTIONS": "50",
        "LLM_IM__INTEGRATIONS__SENTINEL__TIMEOUT_SECS": "30",
        "LLM_IM__OBSERVABILITY__PROMETHEUS_ENABLED": "true",
        "METRICS_PORT": "9191",
    }
    settings = load_settings(None, environ, {})
    assert (settings.enrichment.cache_ttl_secs, settings.enrichment.cache_max_size) == (300, 10_000)
    assert settings.integrations.max_connections == 50
    assert settings.integrations.named["sentinel"].timeout_secs == 30
    assert settings.observability.prometheus_enabled
    assert settings.web.metrics_address == "0.0.0.0:9191"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", 0),
        ("67108864", 64 << 20),
        ("512mb", 512 << 20),
        ("'2 GiB'", 2 << 30),
        ("70000k", 71_680_000),
    ],
)
def test_sizes_have_units(config: Config, written: str, meant: int) -> None:
    assert config.load(f"storage: {{max_memory: {written}}}").storage.max_memory == meant


@pytest.mark.parametrize("written", ["1mb", "-1", "1.5gb", "much", "''", "9999999999gb", "true"])
def test_sizes_that_are_none_are_named(config: Config, written: str) -> None:
    (problem,) = config.problems(f"storage: {{max_memory: {written}}}")
    assert "storage.max_memory" in problem


def test_flags_over_environment_over_file(config: Config) -> None:
    text = "web: {listen_address: '127.0.0.1:1'}\nstorage: {path: a}\nlog: {level: error}\n"
    environ = {"LLM_IM__STORAGE__PATH": "b", "LLM_IM__LOG__LEVEL": "WARNING", "OTHER": "x"}
    settings = config.load(text, environ, log__level="debug", storage__path=None)
    assert settings.web.listen_address == "127.0.0.1:1"
    assert settings.storage.path == "b"
    assert settings.log.level == "debug"


def test_the_environment_reaches_every_kind_of_value(config: Config) -> None:
    text = "notifiers: {ops-chat: {type: slack, channel: C1}}\nslack: {token: file, channel: C0}\n"
    environ = {
        "LLM_IM__NOTIFIERS__OPS_CHAT__CHANNEL": "C2",
        "LLM_IM__PRIORITIES__P1__ACKNOWLEDGE_WITHIN": "2m",
        "LLM_IM__OBSERVABILITY__PROMETHEUS_ENABLED": "false",
        "LLM_IM__REDIS__SHARDS": "4",
        "LLM_IM__PERMISSIONS__RESOLVE__USERS": "[U123, w@example.com]",
        "LLM_IM__SLACK__TOKEN": "[not: yaml",
        "LLM_IM__CLASSIFY__SEVERITIES": "{page: P1}",
        "LLM_IM__ROUTE__ROUTES": "[{matchers: ['a=b'], continue: true}]",
    }
    settings = config.load(text, environ)
    assert settings.notifiers["ops-chat"].channel == "C2"
    assert settings.priorities["P1"].acknowledge_within == parse_within("2m")
    assert settings.priorities["P1"].deliver_within == 60_000
    assert settings.observability.prometheus_enabled is False
    assert settings.redis.shards == 4
    assert settings.permissions["resolve"].users == ("U123", "w@example.com")
    assert settings.slack.token is not None
    assert settings.slack.token.get_secret_value() == "[not: yaml"
    assert settings.classify.severities["page"] == "P1"
    assert settings.route.routes[0].continue_


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"METRICS_PORT": "9191"}, "0.0.0.0:9191"),
        ({"METRICS_PORT": ""}, "127.0.0.1:9090"),
        ({"METRICS_PORT": "tcp://10.0.0.1:9090"}, "127.0.0.1:9090"),
        ({"METRICS_PORT": "1", "LLM_IM__WEB__METRICS_ADDRESS": "[::1]:2"}, "[::1]:2"),
    ],
)
def test_metrics_port(environ: dict[str, str], address: str) -> None:
    assert load_settings(None, environ, {}).web.metrics_address == address


def test_secrets_from_files_beside_the_configuration(config: Config, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-secret\r\n")
    (tmp_path / "other").write_text("from-environment")
    text = (
        "slack: {token_file: token, channel: C1}\n"
        "web:\n  credentials:\n    - {name: am, username: u, password_file: token}\n"
        "pagerduty: {routing_key: " + KEY + "}\n"
    )
    settings = config.load(text)
    assert settings.slack.token is not None
    assert settings.slack.token.get_secret_value() == "xoxb-secret"
    assert settings.web.credentials[0].password is not None
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "xoxb-secret" not in shown
    assert KEY not in shown
    override = config.load(text, {"LLM_IM__SLACK__TOKEN": "plain"})
    assert override.slack.token is not None
    assert override.slack.token.get_secret_value() == "plain"
    override = config.load(
        "slack: {token: plain, channel: C1}", {"LLM_IM__SLACK__TOKEN_FILE": str(tmp_path / "other")}
    )
    assert override.slack.token is not None
    assert override.slack.token.get_secret_value() == "from-environment"


def test_the_redis_url_may_hold_a_password(config: Config, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://:hidden@redis:6379/0\n")
    settings = config.load("redis: {url_file: url}")
    assert settings.redis.url == "redis://:hidden@redis:6379/0"
    assert "hidden" not in repr(settings)


def test_problems_with_secret_files(config: Config, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hidden-text\nsecond")
    (tmp_path / "empty").write_text("\n")
    text = (
        "slack:\n  token: hidden-inline\n  token_file: token\n  channel: C1\n"
        "  signing_secret_file: token\n"
        "pagerduty: {routing_key_file: empty}\n"
        "web: {metrics_token_file: missing}\n"
    )
    problems = config.problems(text)
    assert problems == [
        "im.yml:3: slack.token_file: given twice: keep either token or token_file",
        "im.yml:6: pagerduty.routing_key_file: empty is empty",
        "im.yml:7: web.metrics_token_file: missing cannot be read: No such file or directory",
        "im.yml:5: slack.signing_secret: contains a line break or control character",
    ]


def test_every_problem_at_once_with_its_place(config: Config) -> None:
    text = """\
web:
  listen_adress: "127.0.0.1:1"
  max_alerts: many
priorities:
  P1:
    acknowledge_within: 5
  P9: {}
classify:
  rules:
    - matchers: ['severity==x']
      priority: P7
    - when: value over 5
log: {format: xml}
escalation: {}
slack: {token: 12345}
"""
    problems = config.problems(text, {"LLM_IM__REDIS__SHARDS": "none"}, web__external_url="x")
    joined = "\n".join(problems)
    assert "im.yml:2: web.listen_adress: unknown key; did you mean listen_address?" in joined
    assert "im.yml:3: web.max_alerts: must be a valid integer" in joined
    assert "im.yml:6: priorities.P1.acknowledge_within: a time needs a unit" in joined
    assert "im.yml:7: priorities.P9: unknown key" in joined
    assert "im.yml:10: classify.rules.0.matchers: matcher 'severity==x'" in joined
    assert (
        "im.yml:11: classify.rules.0.priority: not one of the allowed values"
        " (allowed: P1, P2, P3, P4)" in problems
    )
    assert "im.yml:12: classify.rules.1.priority: required" in problems
    assert "im.yml:12: classify.rules.1.when: not a condition" in joined
    assert (
        "im.yml:13: log.format: not one of the allowed values (allowed: auto, json, console)"
        in problems
    )
    assert "im.yml:14: escalation: unknown key; did you mean escalations? (allowed: " in joined
    assert "im.yml:15: slack.token: must be text (put it in quotes)" in problems
    assert "LLM_IM__REDIS__SHARDS: redis.shards: must be a valid integer" in joined
    assert "--web.external-url: web.external_url: not an http or https URL" in joined
    assert "12345" not in joined


def test_yaml_problems(config: Config, tmp_path: Path) -> None:
    assert (
        config.problems("web: {a: 1\nb: [")
        == ["im.yml:2: not valid YAML: expected ',' or '}', but got ':'"]
        or "im.yml:2: not valid YAML" in config.problems("web: {a: 1\nb: [")[0]
    )
    (problem,) = config.problems("web:\n  a: [1\n  b: 2\n")
    assert problem.startswith("im.yml:3: not valid YAML: expected ',' or ']'")
    assert config.problems("log:\n  level: info\nlog: {}\n") == [
        "im.yml:3: log: given twice, first in line 1"
    ]
    assert config.problems("- a\n") == ["im.yml:1: must be a mapping of sections to values"]
    assert config.problems("log: !!python/name:os.system {}\n")[0].startswith("im.yml:1: not a val")
    assert config.problems("log: &a {level: *a}\n")[0].startswith("im.yml:1: an alias that")
    with pytest.raises(ConfigError, match=r"gone\.yml: cannot be read: No such file"):
        load_settings(tmp_path / "gone.yml", {}, {})


def test_a_folder_of_runbooks_that_is_not_there_is_not_replaced_in_silence(config: Config) -> None:
    (problem,) = config.problems("runbooks: {path: /nowhere/runbooks}\n")
    assert problem.startswith("im.yml:1: runbooks.path: '/nowhere/runbooks' is not a folder")
    assert load_settings(None, {}, {"runbooks.path": ""}).runbooks.path == ""
    assert runbooks_folder("") == runbooks_folder("/nowhere/runbooks") != Path()


def test_an_empty_section_is_a_section_left_out(config: Config) -> None:
    settings = config.load("web:\n  # listen_address: x\nroute:\nlog:\n  level:\n")
    assert settings.web.max_alerts == 10_000
    assert settings.log.level == "info"


def test_unknown_variables_and_misuse_are_problems(config: Config) -> None:
    environ = {
        "LLM_IM__SLAK__TOKEN": "x",
        "LLM_IM__STORAGE__PATH__DEEP": "x",
        "LLM_IM__ROUTE__ROUTES": "[{",
        "METRICS_PORT": "99999",
    }
    joined = "\n".join(config.problems("storage: {path: a}", environ))
    assert "LLM_IM__SLAK__TOKEN: slak: unknown key; did you mean slack?" in joined
    assert "LLM_IM__STORAGE__PATH__DEEP: storage.path is a value or a list" in joined
    assert "LLM_IM__ROUTE__ROUTES: not valid YAML" in joined
    assert "METRICS_PORT: not a port (allowed: 0 to 65535)" in joined
    (long,) = config.problems("storage: {path: a}", {"METRICS_PORT": "1" * 5_000})
    assert long == "METRICS_PORT: not a port (allowed: 0 to 65535)"


def steps(settings: Settings, policy: str) -> list[tuple[tuple[str, ...], str]]:
    return [(step.notify, step.mention) for step in settings.escalations[policy].steps]


@pytest.mark.parametrize(
    ("text", "urgent", "normal"),
    [
        (
            "slack: {token: t, channel: C1}\npagerduty: {routing_key: " + KEY + "}",
            [(("pagerduty", "slack"), ""), (("slack",), "!here")],
            [(("slack",), ""), (("slack",), "!here")],
        ),
        (
            "slack: {token: t, channel: C1}",
            [(("slack",), ""), (("slack",), "!here")],
            [(("slack",), ""), (("slack",), "!here")],
        ),
        (
            "pagerduty: {routing_key: " + KEY + "}",
            [(("pagerduty",), ""), (("pagerduty",), "")],
            [(("pagerduty",), ""), (("pagerduty",), "")],
        ),
        (
            "pagerduty: {routing_key: "
            + KEY
            + "}\nnotifiers: {pd: {type: pagerduty}, l: {type: log}}",
            [(("pagerduty",), ""), (("pagerduty",), "")],
            [(("pagerduty",), ""), (("pagerduty",), "")],
        ),
    ],
)
def test_usual_escalations(config: Config, text: str, urgent: Any, normal: Any) -> None:
    settings = config.load(text)
    assert steps(settings, "urgent") == urgent
    assert steps(settings, "normal") == normal
    chosen = {name: entry.escalation for name, entry in settings.priorities.items()}
    assert chosen == {"P1": "urgent", "P2": "urgent", "P3": "normal", "P4": "normal"}


def test_notifiers_are_filled_from_their_sections(config: Config) -> None:
    text = f"""\
slack: {{token: shared, channel: C1, base_url: "http://localhost:1/api"}}
pagerduty: {{routing_key: {KEY}, base_url: "http://localhost:2/"}}
notifiers:
  chat: {{type: slack}}
  db: {{type: slack, channel: C2, token: own, base_url: "https://x.example/api"}}
  pd: {{type: pagerduty}}
  eu: {{type: pagerduty, routing_key: {KEY[::-1]}, base_url: "https://eu.example/"}}
"""
    notifiers = config.load(text).notifiers
    shown = {
        name: (
            getattr(entry, "channel", None),
            entry.base_url,
            (getattr(entry, "token", None) or entry.routing_key).get_secret_value(),
        )
        for name, entry in notifiers.items()
    }
    assert shown == {
        "pagerduty": (None, "http://localhost:2", KEY),
        "slack": ("C1", "http://localhost:1/api/", "shared"),
        "chat": ("C1", "http://localhost:1/api/", "shared"),
        "db": ("C2", "https://x.example/api/", "own"),
        "pd": (None, "http://localhost:2", KEY),
        "eu": (None, "https://eu.example", KEY[::-1]),
    }


def test_cross_references(config: Config) -> None:
    text = """\
notifiers:
  chat: {type: slack, token: t}
  loud: {type: slack, channel: C1}
  pd: {type: pagerduty, routing_key: short}
"""
    assert config.problems(text) == [
        "im.yml:4: notifiers.pd.routing_key: a PagerDuty routing key has 32 characters"
    ]
    text = """\
notifiers:
  chat: {type: slack, token: t}
  loud: {type: slack, channel: C1}
  pd: {type: pagerduty}
escalations:
  night:
    steps:
      - notify: [pd]
      - notify: [nobody]
  spare: {steps: [{notify: [pd]}]}
priorities: {P1: {escalation: night}, P2: {escalation: nigth}}
route:
  matchers: [a=b]
  routes:
    - routes:
        - escalation: none
    - {name: x}
    - {name: x}
"""
    assert config.problems(text) == [
        (
            "im.yml:2: notifiers.chat: a slack notifier without a channel:"
            " set channel here or in slack"
        ),
        (
            "im.yml:3: notifiers.loud: a slack notifier without a token:"
            " set slack.token or its own token"
        ),
        (
            "im.yml:4: notifiers.pd: a pagerduty notifier without a routing key:"
            " set pagerduty.routing_key or its own routing_key"
        ),
        (
            "im.yml:9: escalations.night.steps.1.notify: unknown notifier 'nobody'"
            " (allowed: chat, loud, pd)"
        ),
        (
            "im.yml:11: priorities.P2.escalation: unknown escalation 'nigth'"
            " (allowed: night, normal, spare, urgent)"
        ),
        (
            "im.yml:16: route.routes.0.routes.0.escalation: unknown escalation 'none'"
            " (allowed: night, normal, spare, urgent)"
        ),
        "im.yml:13: route.matchers: the root takes every alert: put this into route.routes",
        "im.yml:14: route.routes: two routes are named 'x'",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("escalations: {urgent: {steps: [{notify: []}]}}", "notifies nobody"),
        ("escalations: {urgent: {steps: []}}", "at least one step"),
        ("escalations: {urgent: {steps: [{after: 1m, notify: [log]}]}}", "notified at once"),
        ("escalations: {urgent: {steps: [{notify: [log], mention: '<!here>'}]}}", "not a mention"),
        ("slack: {token: t}", "slack.channel: needed with slack.token"),
        ("slack: {channel: C1}", "slack.token: needed with slack.channel"),
        ("slack: {base_url: 'ftp://x/'}", "slack.base_url: not an http or https URL"),
        ("slack: {base_url: 'https://u:p@x/'}", "slack.base_url: not an http or https URL"),
        ("permissions: {resolve: {users: [bob]}}", "neither a Slack user id"),
        ("permissions: {resolve: {groups: [sre]}}", "not the id of a Slack user group"),
        ("permissions: {resolve: {channels: [general]}}", "not the id of a Slack channel"),
        ("permissions: {resolve: {}}", "nobody: true"),
        ("permissions: {resolve: {users: [U123], nobody: true}}", "nobody: true"),
        ("permissions: {close: {users: [U123]}}", "allowed: acknowledge"),
        ("slack: {app_token: xoxb-1}", "begin with xapp-"),
        ("slack: {command: incident}", "(/incident)"),
        ("notifiers: {a: {type: log, channel: C1}}", "channel has no meaning for the type log"),
        ("notifiers: {a: {type: mail}}", "allowed: slack, pagerduty, log"),
        ("notifiers: {'a b': {type: log}}", "a name has 1 to 64"),
        ("redis: {url: 'http://:hidden@x'}", "not a redis://"),
        ("web: {listen_address: '127.0.0.1'}", "not host:port"),
        ("web: {route_prefix: '/a b'}", "not a path"),
        ("web: {credentials: [{name: a}]}", "needs either a token, or a username and a password"),
        ("web: {credentials: [{name: a, token: ''}]}", "needs either a token"),
        ("web: {credentials: [{name: a, token: t, username: u}]}", "needs either a token"),
        ("web: {credentials: [{name: a, username: 'u:v', password: p}]}", "no colon"),
        ("web: {credentials: [{name: a, token: t}, {name: a, token: u}]}", "second credential"),
        ("web: {credentials: [{name: a, token: t}, {name: b, token: t}]}", "same secret"),
        ("incidents: {echo_window: 0}", "greater than 0"),
        ("incidents: {echo_window: 7m}", "peer_window is shorter than echo_window (7m)"),
        ("runbooks: {template: 'https://{a}/'}", "placeholders belong after"),
    ],
)
def test_what_is_refused(config: Config, text: str, problem: str) -> None:
    (only,) = config.problems(text)
    assert problem in only
    assert only.startswith("im.yml:1: ")
    assert "hidden" not in only


@pytest.mark.parametrize("address", ["0.0.0.0:8080", ":8080", "[::]:8080", "10.0.0.1:1", "host:1"])
def test_a_wide_bind_needs_credentials(config: Config, address: str) -> None:
    (problem,) = config.problems(web__listen_address=address)
    assert problem.startswith(f"--web.listen-address: web.listen_address: {address} can be reached")
    assert "web.credentials" in problem
    assert "127.0.0.1" in problem
    token = "a-long-and-random-token-of-some-length"
    text = f"web: {{credentials: [{{name: am, token: {token}, cluster: eu-1}}]}}"
    settings = config.load(text, web__listen_address=address)
    assert settings.web.credentials[0].cluster == "eu-1"


def test_addresses() -> None:
    assert split_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert split_address(":8080") == ("", 8080)
    assert split_address("[::1]:1") == ("::1", 1)
    for bad in ("", "8080", "a:b", "a:65536", "::1:80", "[x]:1", "a b:1", "http://a:1", "a:-1"):
        with pytest.raises(ValueError, match="host:port"):
            split_address(bad)
    with pytest.raises(ValueError, match="host:port"):
        split_address("a:" + "1" * 5_000)
    for near in ("127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"):
        assert is_loopback(near)


def test_urls_and_prefixes_have_one_form(config: Config) -> None:
    settings = config.load("web: {external_url: 'https://x.example/y/', route_prefix: 'a/b/'}")
    assert settings.web.external_url == "https://x.example/y"
    assert settings.web.route_prefix == "/a/b"
    assert config.load("web: {route_prefix: /}").web.route_prefix == "/"


def test_settings_are_frozen(config: Config) -> None:
    settings = config.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.web.max_alerts = 1


def test_anchors_and_merges_keep_the_nearest_value() -> None:
    document = read_yaml("a: &x {one: 1, two: 2}\nb:\n  <<: *x\n  two: 3\n")
    assert document.data == {"a": {"one": 1, "two": 2}, "b": {"two": 3, "one": 1}}
    assert document.lines["b", "two"] == 4
    assert not document.problems


@given(st.text())
def test_any_text_is_read_or_a_problem_in_one_of_its_lines(text: str) -> None:
    document = read_yaml(text)
    # Python knows every line break that YAML knows, and more.
    lines = len(text.splitlines()) + 1
    assert all(1 <= line <= lines and what for line, what in document.problems)
    assert all(1 <= line <= lines for line in document.lines.values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "web",
                        "route",
                        "routes",
                        "matchers",
                        "notifiers",
                        "type",
                        "log",
                        "steps",
                        "token_file",
                        "x",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_whatever_the_flags_hold_only_config_errors_leave(value: Any) -> None:
    for section in ("web", "route", "notifiers", "priorities", "escalations", "classify"):
        problems: tuple[str, ...] = ("",)
        try:
            load_settings(None, {}, {section: value})
        except ConfigError as error:
            problems = error.problems
        assert problems
