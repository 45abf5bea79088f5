"""What ships is listed and copied out; nothing that is there is lost."""

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.paths import FOR_PEOPLE, files_for_people
from tests.support.places import ROOT


def run(*words):
    return CliRunner().invoke(main, ["files", *map(str, words)])


def test_everything_is_listed_with_what_it_is():
    lines = run().output.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(FOR_PEOPLE)
    assert all(words in line for words, line in zip(FOR_PEOPLE.values(), lines, strict=False))
    assert "--to FOLDER" in lines[-1]
    assert run("rules").output.splitlines()[0].startswith("rules")


def test_a_copy_works_where_it_is_put(tmp_path):
    assert run("--to", tmp_path / "new").exit_code == 0
    copied = {str(file.relative_to(tmp_path / "new")) for file in tmp_path.rglob("*.*")}
    assert copied == files_for_people().keys()
    # Prometheus finds the rules from its example, and our own configuration is one.
    assert "../rules/*.yml" in (tmp_path / "new/deploy/prometheus.yml").read_text()
    own = tmp_path / "new/deploy/incident-manager.yml"
    assert CliRunner().invoke(main, ["check-config", str(own)]).exit_code == 0


def test_one_file_or_folder_is_copied_alone(tmp_path):
    assert run("--to", tmp_path, "alertmanager.yml", "rules/orchestrator.yml").exit_code == 0
    found = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.yml")}
    assert found == {"alertmanager.yml", "rules/orchestrator.yml"}


def test_what_differs_is_kept_unless_it_is_said(tmp_path):
    mine = tmp_path / "alertmanager.yml"
    mine.write_text("mine")
    refused = run("--to", tmp_path)
    assert refused.exit_code == 1
    assert str(mine) in refused.output
    assert [file.name for file in tmp_path.iterdir()] == ["alertmanager.yml"]
    assert mine.read_text() == "mine"
    assert run("--to", tmp_path, "--force").exit_code == 0
    assert mine.read_text() == (ROOT / "alertmanager.yml").read_text()
    # Again, and nothing differs.
    assert run("--to", tmp_path).exit_code == 0


@pytest.mark.parametrize("name", ["nothing", "../etc", "/etc/passwd", "rule"])
def test_an_unknown_name_is_told_what_there_is(tmp_path, name):
    refused = run("--to", tmp_path, name)
    assert refused.exit_code == 1
    assert "allowed: deploy/incident-manager.yml, " in refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "rules").write_text("a file")
    refused = run("--to", tmp_path, "rules")
    assert refused.exit_code == 1
    assert str(tmp_path / "rules") in refused.output
    assert "Traceback" not in refused.output
