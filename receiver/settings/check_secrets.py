"""Secrets that cannot be what they should be: said before the first call that they would fail.

No message repeats a secret, or a part of one.
"""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from receiver.config.problem import Place, Problem
from receiver.config.types import is_loopback
from receiver.http.config import WebConfig
from receiver.http.tls.config import TlsServerConfig

BOM = "\ufeff"
_WHOLE = re.compile(
    r"\$\{[^{}]*\}|\$\([^()]*\)|\$?\{\{.*\}\}|\$[A-Za-z_]\w*|<[^<>]*>|%\w+%"
).fullmatch
_WITHIN = re.compile(
    r"\$\{[A-Z_][A-Z0-9_]*(?::?[-=?+].*)?\}|\$\([A-Z_][A-Z0-9_]*\)|\{\{.*\}\}"
).search
"""What is left over also amid other text: variables are called like that, passwords hardly."""
_IN_URL = re.compile(r"\$\{[^}]*\}|\$\([^)]*\)").search
"""An address can hold no brace as it is."""
_WEAK = frozenset(
    [
        "admin",
        "changeit",
        "changeme",
        "default",
        "example",
        "foobar",
        "hunter2",
        "insecure",
        "letmein",
        "password",
        "placeholder",
        "qwerty",
        "root",
        "secret",
        "test",
        "token",
        "todo",
        "topsecret",
        "xxx",
        "yoursecret",
        "yourtoken",
    ]
)
_TOKEN_LEAST, _PASSWORD_LEAST = 16, 12
_SLACK = {
    "xapp-": "an app-level token, which belongs into slack.app_token",
    "xoxp-": "a user's token: it would act as a person",
    "xoxe-": "a refresh token, which expires",
    "xoxa-": "a token of an old workspace app",
    "xoxr-": "a refresh token, which expires",
    "xoxs-": "a token of a browser session",
    "xoxc-": "a token of a browser session",
    "xoxd-": "a cookie of a browser session",
    "https://": "the URL of an incoming webhook, which can neither update nor be answered",
}
_HEX_32 = re.compile(r"[0-9a-fA-F]{32}")
_OF_MACHINES = ("/run/secrets/", "/var/run/secrets/")
"""Where containers are given their secrets, readable for every user of the container's own."""


class Secret(NamedTuple):
    """A secret as it was given, and the file it came from."""

    place: Place
    text: str
    file: Path | None = None

    @property
    def name(self) -> str:
        """Return the key, such as ``token``."""
        return str(self.place[-1])


def check_shape(secret: Secret) -> Iterator[Problem]:
    """Yield why a text can be no secret of its kind."""
    text = secret.text
    if found := _left_over(text):
        kind = "a placeholder that nothing has replaced"
        hint = "; variables are not read inside values: set LLM_IM__SECTION__KEY, or a ..._file"
        yield Problem(secret.place, kind + (hint if "$" in found else ""))
    elif BOM in text:
        words = "contains a byte-order mark (U+FEFF), which some editors write before a text"
        yield Problem(secret.place, f"{words}: save it as UTF-8 without one")
    elif text.strip() != text:
        yield Problem(secret.place, "has blanks before or after it: take them away")
    elif len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        where = " (a file holds the secret alone)" if secret.file else ""
        yield Problem(secret.place, f"has quotes around it, as a part of it: take them away{where}")
    else:
        yield from _wrong_kind(secret)


def _left_over(text: str) -> str:
    """Return what stands for another value and was not replaced, "" for none."""
    found = _WHOLE(text.strip()) or _WITHIN(text) or ("://" in text and _IN_URL(text))
    return found[0] if found else ""


def check_placeholders(
    data: Any, secrets: frozenset[Place], place: Place = ()
) -> Iterator[Problem]:
    """Yield the texts that are no secrets and hold a ``${...}`` that nothing replaces."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from check_placeholders(value, secrets, (*place, key))
    elif isinstance(data, list | tuple):
        for number, value in enumerate(data):
            yield from check_placeholders(value, secrets, (*place, number))
    elif isinstance(data, str) and place not in secrets and re.search(r"\$\{\w+\}", data):
        words = "contains ${...}, and variables are not read inside values"
        yield Problem(place, f"{words}: set LLM_IM__SECTION__KEY instead")


def _wrong_kind(secret: Secret) -> Iterator[Problem]:
    """Yield what it is instead, where its form tells."""
    text, section = secret.text, secret.place[0]
    if secret.name == "token" and section in ("slack", "notifiers"):
        for start, kind in _SLACK.items():
            if text.startswith(start):
                words = f"is {kind}; a bot token begins with xoxb-"
                yield Problem(secret.place, words)
    elif secret.name == "signing_secret" and text.startswith(("xox", "xapp-")):
        where = "app's Basic Information has it"
        yield Problem(secret.place, f"is a token, not the signing secret; the {where}")
    elif secret.name == "rest_token" and _HEX_32.fullmatch(text):
        words = "has the form of a routing key (32 characters 0-9 and a-f), not of a REST API key"
        yield Problem(secret.place, words)


def check_strength(secrets: Iterable[Secret]) -> Iterator[Problem]:
    """Yield what is weak: those that we demand of others, and files that others can read."""
    for secret in secrets:
        text = secret.text
        if secret.file is not None and _open_to_all(secret.file):
            words = f"{secret.file} can be read by every user of this machine: chmod 600"
            yield Problem(secret.place, words)
        weak = _weakness(secret)
        if weak:
            yield Problem(secret.place, weak)
        if secret.place == ("slack", "signing_secret") and not _HEX_32.fullmatch(text):
            words = "is not of the form of Slack's signing secrets (32 characters 0-9 and a-f)"
            yield Problem(secret.place, words)
        slack = secret.name == "token" and secret.place[0] in ("slack", "notifiers")
        if slack and not text.startswith(("xoxb-", "xoxe.xoxb-")):
            words = "is not of the form of Slack's bot tokens, which begin with xoxb-"
            yield Problem(secret.place, words)


def check_weak(secrets: Iterable[Secret], web: WebConfig) -> Iterator[Problem]:
    """Yield what is easy to guess for others than this machine: there it is no secret at all."""
    for secret in secrets:
        weak = _weakness(secret)
        # The page of metrics is beside the API too.
        addresses = [web.listen_address]
        if secret.name == "metrics_token":
            addresses.append(web.metrics_address)
        wide = [address for address in addresses if not is_loopback(address)]
        if weak and wide:
            yield Problem(secret.place, f"{weak}; at {wide[0]} others can try")


def check_keys(configs: Iterable[tuple[Place, TlsServerConfig]]) -> Iterator[Problem]:
    """Yield the keys of certificates that others can read."""
    for place, config in configs:
        if _open_to_all(Path(config.key_file)):
            words = f"{config.key_file} can be read by every user of this machine: chmod 600"
            yield Problem((*place, "key_file"), words)


def _weakness(secret: Secret) -> str:
    """Return in words why others can guess a secret that we demand of them, "" if they cannot."""
    if not _is_ours(secret.place):
        return ""
    least = _PASSWORD_LEAST if secret.name == "password" else _TOKEN_LEAST
    why = _why_weak(secret.text, least)
    return f"is easy to guess, {why}; make one with: openssl rand -hex 32" if why else ""


def _is_ours(place: Place) -> bool:
    """Return whether others prove by it who they are, and we chose it."""
    if place[-1] == "client_secret":
        return False  # The provider chose it.
    return place[0] == "web" or (place[0] == "integrations" and place[-1] == "token")


def _why_weak(text: str, least: int) -> str:
    plain = re.sub(r"[^a-z]", "", text.lower())
    if plain in _WEAK or re.sub(r"[^a-z0-9]", "", text.lower()) in _WEAK:
        return "being a word that everybody tries first"
    if len(text) < least:
        return f"having fewer than {least} characters"
    if len(set(text)) < least // 3:
        return "repeating a few characters"
    return ""


def _open_to_all(file: Path) -> bool:
    """Return whether any user may read it; a container's secrets are readable by design."""
    try:
        real = file.resolve()
        # Kubernetes: /mount/token -> ..data/token -> ..2026_11_26_.../token.
        machine = str(real).startswith(_OF_MACHINES) or any(
            part.startswith("..20") for part in real.parts
        )
        return not machine and bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def check_file(file: Path | None, secrets: Sequence[Secret]) -> Iterator[Problem]:
    """Yield that the configuration holds secrets itself and everybody may read it."""
    inline = [secret.place for secret in secrets if secret.file is None]
    if file is not None and inline and _open_to_all(file):
        shown = ", ".join(".".join(str(part) for part in place) for place in inline[:3])
        more = ", ..." if len(inline) > 3 else ""  # noqa: PLR2004 - as many as are named
        words = (
            f"{file} holds secrets ({shown}{more}) and can be read by every user of this machine"
        )
        yield Problem(inline[0], f"{words}: chmod 600, or use ..._file")
