"""Rules of the house that a machine can check."""

import re
import stat
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
RUNBOOKS = ROOT / "runbooks"
OWN_ALERTS = {
    "ServiceDown",
    "HighErrorRate",
    "HighLatency",
    "ProcessingQueueBackedUp",
    "DeliveryFailing",
    "WebhookFailing",
    "RedisDown",
    "SampleAlert",
}
SECTIONS = [
    "What it means and user impact",
    "Why it fires",
    "How to investigate",
    "How to resolve",
    "When to escalate",
]


def locked(name):
    """Version by package of a lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def wanted(requirements):
    return {re.split(r"[\[<>=; ]", item)[0].lower() for item in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_server_and_every_package_has_a_hash(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(name)) > 0
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_the_project_asks_for_and_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, build, dev = (locked(name) for name in LOCKS)
    assert wanted(project["project"]["dependencies"]) - run.keys() == set()
    assert wanted(project["build-system"]["requires"]) - build.keys() == set()
    assert wanted(project["project"]["optional-dependencies"]["dev"]) - dev.keys() == set()
    for other in (build, dev):
        assert {name: other[name] for name in run.keys() & other.keys()}.items() <= run.items()
    assert {name: build[name] for name in build.keys() & dev.keys()}.items() <= dev.items()


def test_each_alert_about_this_service_has_a_runbook():
    assert {file.stem for file in (RUNBOOKS / "incident-manager").glob("*.md")} >= OWN_ALERTS


@pytest.mark.parametrize(
    "file", sorted(RUNBOOKS.glob("*/*.md")), ids=lambda file: f"{file.parent.name}/{file.stem}"
)
def test_a_runbook_says_everything_a_runbook_must_say(file):
    text = file.read_text()
    assert text.startswith(f"# {file.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        assert len(section.split()) >= 8
    assert re.search(r"^curl .*localhost:(8080|9090)/", text, re.MULTILINE)
    for link in re.findall(r"\]\(([^)]+\.md)\)", text):
        assert (file.parent / link).is_file(), link


def test_ci_runs_the_command_of_the_developer():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "\nmake test\n" in script.read_text()
