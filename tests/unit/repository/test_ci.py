"""CI runs the README's command on a fresh machine; where it cannot, it says so before all else."""

import os
import stat
import subprocess

import pytest

from tests.support.places import ROOT


@pytest.fixture
def machine(tmp_path):
    """Run a script of ours with programs of this test in front of the machine's; return the run."""

    def run(script, **programs):
        # A bare machine has no git.
        for name, lines in ({"git": "exit 0"} | programs).items():
            program = tmp_path / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{lines}\n")
            program.chmod(0o755)
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "FRESH_MACHINE": str(tmp_path / "fresh"),
        }
        return subprocess.run(
            ["bash", ROOT / ".ci" / script[0], *script[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )

    return run


NO_ROOT = {"id": "echo 1000"}
NO_MOUNTS = {"id": "echo 0", "setpriv": "exit 1"}
NO_CLONE = {"id": "echo 0", "git": "exit 128"}


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        (NO_ROOT, "it takes root"),
        (NO_MOUNTS, "this machine does not allow mounts"),
        (NO_CLONE, "git gives no commit here"),
    ],
)
def test_where_no_fresh_machine_can_be_made_ci_says_so_first_and_runs_in_place(
    machine, programs, why
):
    run = machine(["run"], **programs, make='echo "make $* with CI=$CI"')
    first, *rest = run.stdout.splitlines()
    assert first.startswith("In place, not on a fresh machine")
    assert first.endswith(f": {why}.")
    assert rest == ["make test with CI=true"]
    assert run.returncode == 0


def test_what_fails_in_place_fails_in_ci(machine):
    assert machine(["run"], **NO_ROOT, make="exit 2").returncode == 2


def test_a_root_that_could_not_be_made_is_told_and_never_used(machine, tmp_path):
    debootstrap = 'mkdir -p "$FRESH_MACHINE/making"; echo "E: no such mirror"; exit 1'
    apart = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    programs = {"id": "echo 0", "setpriv": apart, "mount": "exit 0"}
    run = machine(["fresh-machine", "--check"], **programs, debootstrap=debootstrap)
    assert run.returncode == 3
    assert run.stdout.startswith("debootstrap failed: E: no such mirror")
    made = tmp_path / "fresh"
    assert not (made / "root").exists()
    good = 'for folder; do :; done; mkdir -p "$FRESH_MACHINE/making/var"'
    assert machine(["fresh-machine", "--check"], **programs, debootstrap=good).returncode == 0
    assert (made / "root" / "var").is_dir()
    assert not (made / "making").exists()
    # It is made once.
    again = machine(["fresh-machine", "--check"], **programs, debootstrap="exit 1")
    assert (again.returncode, again.stdout) == (0, "")


@pytest.mark.parametrize(
    ("engines", "words"),
    [
        (
            {"docker": "exit 1", "podman": "exit 1", "buildah": "exit 1"},
            "docker, podman or buildah",
        ),
        ({"docker": 'echo "$@" >>"$FRESH_MACHINE"; [ "$1" = info ]'}, "Building "),
    ],
)
def test_the_image_is_built_by_an_engine_that_works(machine, tmp_path, engines, words):
    run = machine(["image"], **engines)
    assert run.returncode == 1
    assert words in run.stdout + run.stderr
    if words == "Building ":
        asked = (tmp_path / "fresh").read_text().splitlines()
        assert asked == ["info", "build -t llm-incident-manager ."]


def test_ci_runs_the_command_of_the_developer():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "\n  exec .ci/fresh-machine make test\n" in script.read_text()
    assert "\nmake test\n" in script.read_text()
