"""Rules of the house that a machine can check."""

import ast
import re
import tomllib

import pytest

from tests.support.places import ROOT

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
ADDRESSES = {
    "auto-optimizer": "llm-optimizer:(8080|9090)",
    "config-manager": "llm-config-manager:(8080|9090)",
    "incident-manager": r"\$INCIDENT_MANAGER_URL",
    "orchestrator": "async-toolformer:(8080|9090)",
}
"""System -> how its commands name it."""
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
    extras = project["project"]["optional-dependencies"]
    assert wanted(project["project"]["dependencies"] + extras["embedded"]) - run.keys() == set()
    assert wanted(project["build-system"]["requires"]) - build.keys() == set()
    assert wanted(extras["dev"] + extras["otel"]) - dev.keys() == set()
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
    place = ADDRESSES[file.parent.name]
    assert re.search(rf"^curl .*{place}/", text, re.MULTILINE)
    for link in re.findall(r"\]\(([^)]+\.md)\)", text):
        assert (file.parent / link).is_file(), link


def _is_ours(node):
    """A text written out or composed of constants, or an alternation of escaped texts."""
    names = [item for item in ast.walk(node) if isinstance(item, ast.Name)]
    local = {item.id for item in names if isinstance(item.ctx, ast.Store)}
    composed = all(item.id in local or item.id.isupper() for item in names)
    return composed or ast.unparse(node).startswith("'|'.join(map(re.escape, ")


@pytest.mark.parametrize(
    "file",
    [path for folder in ("routing", "receiver") for path in sorted((ROOT / folder).rglob("*.py"))],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_patterns_of_people_are_matched_by_re2_alone(file):
    """Python's engine backtracks: one pattern could keep the event loop busy for hours."""
    matcher = file == ROOT / "routing" / "matcher.py"
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None), *(alias.name for alias in node.names)]
            assert matcher or "re2" not in names
            assert not (isinstance(node, ast.ImportFrom) and node.module == "re")
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
            assert node.func.attr == "escape" or _is_ours(node.args[0]), ast.unparse(node)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "receiver").rglob("*.py")), ids=lambda file: file.name
)
def test_what_is_called_by_http_is_called_by_the_rule_of_proxies(file):
    """Each library has a rule of its own: sessions are made, or told the proxy, by ours."""
    text = file.read_text()
    ruled = re.search(r"^from receiver.(http_client|proxies) import .*prox", text, re.MULTILINE)
    # Asks this very process.
    own = file.name in {"http_client.py", "self_checks.py"}
    assert own or ruled or not re.search(r"\b(ClientSession|AsyncWebClient|Session)\(", text)
    assert own or "trust_env" not in text


def test_decisions_are_numbered_once_and_links_to_them_lead_somewhere():
    files = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [file.name[:4] for file in files]
    assert len(set(numbers)) == len(numbers)
    for file in files:
        text = file.read_text()
        assert text.startswith(f"# {int(file.name[:4])}. "), file.name
        assert re.search(r"^Date: \d{4}-\d\d-\d\d\. Status: ", text, re.MULTILINE), file.name
    places = [ROOT / "receiver", ROOT / "routing", ROOT / "docs", ROOT / "benchmarks"]
    for place in places:
        for file in place.rglob("*"):
            if file.suffix in (".py", ".md", ".lua"):
                for name in re.findall(r"adr/(\d{4}[a-z0-9-]+\.md)", file.read_text()):
                    assert (ROOT / "docs" / "adr" / name).is_file(), (file, name)
