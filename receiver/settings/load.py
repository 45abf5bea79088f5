"""Loads the settings: file, environment, flags; and names every problem with its place.

Flags win over the environment, the environment over the file, the file over the defaults.
"""

import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from receiver.config.problem import Problem
from receiver.config.types import PORT_MAX
from receiver.config.yaml_lines import read_yaml
from receiver.errors import ConfigError
from receiver.proxies import proxy_problems
from receiver.settings.advice import advise
from receiver.settings.check import complete
from receiver.settings.check_response import check_response
from receiver.settings.check_secrets import (
    Secret,
    check_file,
    check_keys,
    check_placeholders,
    check_shape,
    check_strength,
    check_weak,
)
from receiver.settings.check_unused import given_in
from receiver.settings.check_variables import PREFIX, misspelt
from receiver.settings.check_web import tls_configs
from receiver.settings.errors import in_words
from receiver.settings.model import Settings
from receiver.settings.schema import (
    child_of,
    files_of,
    is_container,
    keys_of,
    models_of,
    secrets_of,
    type_at,
)
from receiver.text.numbers import whole

METRICS_PORT = "METRICS_PORT"
_FILE, _ENVIRONMENT, _FLAGS = range(3)

Place = tuple[str | int, ...]
TRACED = ("route", "classify", "priorities", "escalations")
"""Sections that decide: of them it is kept where each value was given."""


class Loaded(NamedTuple):
    """The effective settings, and what is allowed but probably not meant, as texts with places.

    ``exposed``: those of the warnings that are about secrets that others can guess or read.
    ``lines``: where each value of ``TRACED`` was given, as in ``incidents.yml, line 12``.
    """

    settings: Settings
    warnings: tuple[str, ...]
    exposed: tuple[str, ...] = ()
    lines: Mapping[Place, str] = {}


def load_settings(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Settings:
    """Return the effective, checked settings, as ``read_settings`` without its warnings."""
    return read_settings(path, environ, overrides).settings


def read_settings(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]
) -> Loaded:
    """Return the effective, checked settings and what to warn of.

    ``path`` is the YAML file, None for none; ``environ`` is searched for ``LLM_IM__A__B`` and
    METRICS_PORT; ``overrides`` maps dotted names such as "web.listen_address" to the values of
    flags, where None means not given. ConfigError with all problems, each as
    ``place: name: what is wrong (allowed: ...)``, place being file:line, a variable or a flag.
    """
    loader = _Loader()
    if path is not None:
        loader.read_file(path)
    loader.read_environment(environ)
    loader.read_flags(overrides)
    loader.read_secrets()
    settings = loader.settings()
    if loader.problems or settings is None:
        raise ConfigError(*loader.problems)
    return Loaded(settings, tuple(loader.warnings), loader.exposed, loader.lines())


class _Loader:
    """Collects one tree of values and the place each came from. One use a load."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.exposed: tuple[str, ...] = ()
        self._secrets: list[Secret] = []
        self._data: dict[str, Any] = {}
        self._places: dict[Place, tuple[int, str]] = {}
        self._file: Path | None = None

    def read_file(self, path: Path) -> None:
        """Read the YAML file; the lowest layer."""
        self._file = path
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{path}: cannot be read: {_reason(error)}")
            return
        document = read_yaml(text)
        self.problems += [f"{path}:{line}: {what}" for line, what in document.problems]
        self._places = {place: (_FILE, f"{path}:{line}") for place, line in document.lines.items()}
        if isinstance(document.data, dict):
            self._data = document.data
        elif document.data is not None:
            self.problems.append(f"{path}:1: must be a mapping of sections to values")
        elif not document.problems:
            self.warnings.append(f"{path}:1: nothing is set here: everything has its default")

    def read_environment(self, environ: Mapping[str, str]) -> None:
        """Lay the variables over the file; METRICS_PORT below a full metrics address."""
        port = environ.get(METRICS_PORT, "")
        # Kubernetes sets METRICS_PORT=tcp://... for any service that is called "metrics".
        if port and not port.startswith("tcp://"):
            number = whole(port, PORT_MAX, 0)
            if number is not None:
                where: tuple[str, ...] = ("web", "metrics_address")
                address = f"0.0.0.0:{number}"  # the variable asks for a port others can scrape
                self._put(where, address, METRICS_PORT, _ENVIRONMENT)
            else:
                self.problems.append(f"{METRICS_PORT}: not a port (allowed: 0 to {PORT_MAX})")
        self.problems += [f"{name}: {problem}" for name, problem in proxy_problems(environ)]
        for name in sorted(environ):
            if name.startswith(PREFIX):
                where = self._resolve(name.removeprefix(PREFIX).split("__"))
                self._put(where, self._value(where, environ[name], name), name, _ENVIRONMENT)
        for wrong in misspelt(environ):
            # A service that starts without what it sets might page nobody, so nothing starts.
            said = self.problems if wrong.meant else self.warnings
            said.append(f"{wrong.variable}: {wrong.words}")

    def read_flags(self, overrides: Mapping[str, Any]) -> None:
        """Lay the given flags over everything else."""
        for name, value in overrides.items():
            if value is not None:
                flag = "--" + name.replace("_", "-")
                where = self._resolve(name.split("."))
                given = self._value(where, value, flag) if isinstance(value, str) else value
                self._put(where, copy.deepcopy(given), flag, _FLAGS)

    def lines(self) -> dict[Place, str]:
        """Return where each value of ``TRACED`` was given: its line, a variable, or a flag."""
        return {
            path: _line_of(place) if layer == _FILE else place
            for path, (layer, place) in self._places.items()
            if path[0] in TRACED
        }

    def read_secrets(self) -> None:
        """Replace every ``x_file`` by ``x`` with the file's content."""
        self._walk(self._data, Settings, ())
        for secret in self._secrets:
            for problem in check_shape(secret):
                self._say(problem)

    def settings(self) -> Settings | None:
        """Return the checked settings; None, and problems, where they cannot even be read."""
        try:
            settings = Settings.model_validate(self._data)
        except ValidationError as error:
            for item in error.errors(include_url=False, include_input=False):
                self._say(in_words(dict(item)))
            return None
        settings, problems = complete(settings)
        given = given_in(self._data)
        if not problems:
            problems = list(check_response(settings, given))
        problems += check_weak(self._secrets, settings.web)
        for problem in problems:
            self._say(problem)
        if not self.problems:
            secrets = frozenset(secret.place for secret in self._secrets)
            exposed = [
                *check_strength(self._secrets),
                *check_file(self._file, self._inline()),
                *check_keys(tls_configs(settings)),
            ]
            found = [
                *advise(settings, given, time.time_ns() // 1_000_000),
                *check_placeholders(self._data, secrets),
                *exposed,
            ]
            self.warnings += map(self._words, found)
            self.exposed = tuple(map(self._words, exposed))
        return settings

    def _inline(self) -> list[Secret]:
        """Return the secrets that stand in the file itself."""
        return [secret for secret in self._secrets if self._origin(secret.place)[0] == _FILE]

    def _resolve(self, segments: list[str]) -> tuple[str, ...]:
        """Return the path a variable means: case and dashes are those of the known keys."""
        where: list[str] = []
        data: Any = self._data
        for segment in segments:
            present = list(data) if isinstance(data, dict) else []
            wanted = segment.lower().replace("-", "_")
            known = [*keys_of(type_at(Settings, tuple(where))), *present]
            match = (key for key in known if key.lower().replace("-", "_") == wanted)
            key = next(match, wanted)
            where.append(key)
            data = data.get(key) if isinstance(data, dict) else None
        return tuple(where)

    def _value(self, where: Place, text: str, name: str) -> Any:
        """Read lists and mappings as YAML; other texts stay, so that a secret is kept as it is."""
        if not is_container(type_at(Settings, where)):
            return text
        document = read_yaml(text)
        self.problems += [f"{name}: {what}" for _line, what in document.problems]
        return document.data

    def _put(self, where: tuple[str, ...], value: Any, place: str, layer: int) -> None:
        data = self._data
        for depth, key in enumerate(where[:-1], start=1):
            below = data.get(key)
            if below is None:
                below = data[key] = {}
            elif not isinstance(below, dict):
                name = ".".join(where[:depth])
                self.problems.append(f"{place}: {name} is a value or a list, nothing is below it")
                return
            data = below
        last = where[-1]
        # A secret given here and its file given in a lower layer are no contradiction.
        twin = last.removesuffix("_file") if last.endswith("_file") else f"{last}_file"
        if twin in data and self._origin((*where[:-1], twin))[0] < layer:
            del data[twin]
        data[last] = value
        stale = [old for old in self._places if old[: len(where)] == where]
        for old in stale:
            del self._places[old]
        self._places[where] = (layer, place)

    def _walk(self, data: Any, annotation: Any, path: Place) -> None:
        if isinstance(data, list):
            for number, item in enumerate(data):
                self._walk(item, child_of(annotation, number), (*path, number))
        elif isinstance(data, dict):
            if models_of(annotation):
                self._tidy(data, annotation, path)
            for key, value in data.items():
                self._walk(value, child_of(annotation, key), (*path, key))

    def _tidy(self, data: dict[str, Any], annotation: Any, path: Place) -> None:
        """Drop keys without a value (a section all commented out), and read secret files."""
        for key in [key for key, value in data.items() if value is None]:
            del data[key]
        for name in files_of(annotation):
            file = data.get(name)
            if isinstance(file, str) and file:
                data[name] = str(self._base((*path, name)) / file)
        for name in secrets_of(annotation):
            file = data.pop(f"{name}_file", None)
            if file in (None, ""):
                text = data.get(name)
                if isinstance(text, str) and text:
                    self._secrets.append(Secret((*path, name), text))
                continue
            place = (*path, f"{name}_file")
            self._places[*path, name] = self._origin(place)
            if data.get(name) not in (None, ""):
                self._say(Problem(place, f"given twice: keep either {name} or {name}_file"))
                continue
            secret = self._read_secret(file, place)
            if secret is not None:
                data[name] = secret.text
                self._secrets.append(secret._replace(place=(*path, name)))

    def _read_secret(self, file: Any, place: Place) -> Secret | None:
        if not isinstance(file, str):
            self._say(Problem(place, "must be the path of a file (put it in quotes)"))
            return None
        base = self._base(place)
        try:
            secret = (base / file).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            self._say(Problem(place, f"{file} cannot be read: {_reason(error)}"))
            return None
        if not secret:
            self._say(Problem(place, f"{file} is empty"))
        return Secret(place, secret, base / file) if secret else None

    def _base(self, place: Place) -> Path:
        """Return the folder that a relative path begins at."""
        layer = self._origin(place)[0]
        return self._file.parent if self._file is not None and layer == _FILE else Path()

    def _origin(self, path: Place) -> tuple[int, str]:
        """Return (layer, place) of the value, or of the nearest thing that was given."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._places:
                return self._places[path[:length]]
        near = (origin for place, origin in self._places.items() if place[:1] == path[:1])
        return next(near, (_FILE, str(self._file or "settings")))

    def _say(self, problem: Problem) -> None:
        self.problems.append(self._words(problem))

    def _words(self, problem: Problem) -> str:
        name = ".".join(str(part) for part in problem.path)
        allowed = f" (allowed: {', '.join(problem.allowed)})" if problem.allowed else ""
        place = self._origin(problem.path)[1]
        return f"{place}: {name}: {problem.message}{allowed}"


def _line_of(place: str) -> str:
    """Return a place in a file without its folder, which is nobody's business on a page."""
    file, _, line = place.rpartition(":")
    return f"{Path(file).name}, line {line}"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "not a UTF-8 text"
