"""Which configuration a command takes when none is named."""

import pytest
from click.testing import CliRunner

from receiver.cli.config_option import chosen_file
from receiver.cli.root import main
from receiver.paths import shipped_config


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_one_named_then_the_one_here_then_the_one_that_ships(empty_folder):
    assert chosen_file(None) == shipped_config()
    here = empty_folder / "incident-manager.yml"
    here.write_text("log: {level: debug}\n")
    assert chosen_file(None).resolve() == here
    named = empty_folder / "other.yml"
    assert chosen_file(named) == named


def test_a_newcomer_has_the_times_of_the_four_systems_and_no_warning():
    done = CliRunner().invoke(main, ["check-config"])
    assert done.exit_code == 0, done.output
    assert f"{shipped_config()}: ok" in done.output
    assert "warning" not in done.output
    assert "route config-manager" in done.output
    words = ["explain", "deadline", "--priority", "P3", "--clock", "acknowledge"]
    done = CliRunner().invoke(main, [*words, "--route", "config-manager"])
    assert done.exit_code == 0, done.output
    assert "30m" in done.output


def test_ones_own_file_replaces_it_whole(empty_folder):
    (empty_folder / "incident-manager.yml").write_text("log: {level: debug}\n")
    done = CliRunner().invoke(main, ["check-config"])
    assert "config-manager" not in done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("roles: {on-call: [sluck]}", "unknown notifier 'sluck' (allowed: log, pagerduty, slack)"),
        ("roles: {slack: [log]}", "slack is a notifier"),
        ("escalations: {x: {steps: [{notify: [on-call]}]}}", "unknown notifier 'on-call'"),
        (
            (
                "roles: {a: [slack]}\n"
                "notifiers: {c: {type: pagerduty, routing_key: 0123456789abcdef0123456789abcdef}}\n"
                "escalations: {x: {steps: [{notify: [a]}]}}\n"
                "priorities: {P1: {escalation: x}, P2: {escalation: x}, P3: {escalation: x},"
                " P4: {escalation: x}}"
            ),
            "none of its notifiers is configured",
        ),
    ],
)
def test_a_role_of_nobody_is_refused(empty_folder, text, said):
    file = empty_folder / "incident-manager.yml"
    file.write_text(text + "\n")
    done = CliRunner().invoke(main, ["check-config"])
    assert done.exit_code == 1
    assert said in done.output
