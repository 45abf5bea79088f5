"""What ships is said once (pyproject.toml), and the image, the wheel and the code agree with it."""

import inspect
import json
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from receiver import paths
from tests.support.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCKS = {"requirements.lock", "requirements-build.lock"}
BUNDLE = "receiver/data/"


def let_through():
    """Names that .dockerignore lets into the image's build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert set(rules) - {rule for rule in rules if rule.startswith("!")} == {
        "*",
        "**/__pycache__",
        "**/*.pyc",
    }
    return {rule[1:] for rule in rules if rule.startswith("!")}


def build_wheel(source, folder):
    """Names in the wheel that a folder gives, and its file."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    made = subprocess.run(
        [*command, str(folder)], cwd=source, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        return {name for name in opened.namelist() if ".dist-info/" not in name}, file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of what .dockerignore lets through, as the image has it."""
    context = tmp_path_factory.mktemp("context")
    for name in let_through():
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, target)
    return build_wheel(context, tmp_path_factory.mktemp("wheel"))


def test_the_image_is_built_from_what_the_wheel_is_made_of():
    wanted = {PROJECT["project"]["readme"], "LICENSE", "pyproject.toml"}
    assert let_through() == LOCKS | wanted | set(WHEEL["packages"]) | WHEEL["force-include"].keys()


def test_the_image_copies_all_that_it_is_given_and_names_no_part_of_it():
    copies = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    assert copies == ["requirements.lock requirements-build.lock ./", ". ."]


def test_the_wheel_of_the_image_is_that_of_the_checkout(wheel, tmp_path):
    assert wheel[0] == build_wheel(ROOT, tmp_path)[0]


ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from receiver import paths
folders = {name: str(getattr(paths, name)(*args)) for name, args in json.loads(sys.argv[2]).items()}
files = {name: str(file) for name, file in paths.files_for_people().items()}
print(json.dumps([folders, files]))
"""


def test_what_the_code_opens_is_in_the_wheel(wheel, tmp_path):
    with zipfile.ZipFile(wheel[1]) as opened:
        opened.extractall(tmp_path)
    names = [name for name, _ in inspect.getmembers(paths, inspect.isfunction) if name[0] != "_"]
    folders = {name: ["none"] if name == "runbooks_folder" else [] for name in names}
    del folders["files_for_people"], folders["shipped_config"]
    assert len(folders) >= 4
    command = [sys.executable, "-c", ASK, str(tmp_path), json.dumps(folders)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found, files = json.loads(said)
    for name, place in found.items():
        there, here = Path(place), getattr(paths, name)(*folders[name])
        assert there.is_relative_to(tmp_path / BUNDLE), name
        assert files_below(there) == files_below(here) != set(), name
    assert files.keys() == paths.files_for_people().keys()
    name = str(paths.shipped_config().relative_to(ROOT))
    assert files[name] == str(tmp_path / BUNDLE / name)
    assert all(Path(file).is_relative_to(tmp_path / BUNDLE) for file in files.values())


def test_all_that_ships_is_for_people_or_a_template():
    shipped = {target.removeprefix(BUNDLE) for target in WHEEL["force-include"].values()}
    named = {name.partition("/")[0] if name[:6] == "deploy" else name for name in paths.FOR_PEOPLE}
    assert shipped == named | {"templates"}


def files_below(folder):
    return {
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_base_of_the_image_is_one_version_and_nothing_is_installed_beside_it():
    (base,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.search(r":\d+\.\d+\.\d+-slim-[a-z]+$", base)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}
    assert "apt-get" not in DOCKERFILE


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_of_the_image_tells_well_from_ill(status, code, monkeypatch):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/-/healthy" else 404)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    port = server.server_address[1]
    (words,) = re.findall(r"^ +CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    program, *rest = json.loads(words.replace("8080", str(port)))
    assert program == "python"
    # What reaches the world through a proxy must not look for itself there.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    if status is None:
        server.server_close()
        assert subprocess.run([sys.executable, *rest], check=False).returncode == code
        return
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        assert subprocess.run([sys.executable, *rest], check=False).returncode == code
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
