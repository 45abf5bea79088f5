"""Through which proxy a call goes out.

Every call that goes out over HTTP follows the same rule, whichever library makes it: HTTP_PROXY and
HTTPS_PROXY (also in small letters) name the proxy, NO_PROXY what is called directly, and this
machine always is. The libraries differ: aiohttp reads none of them by itself, slack-sdk no
NO_PROXY, and requests sends calls of this machine to the proxy.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment

PROXIES = ("http_proxy", "https_proxy")


def proxy_of(url: str) -> str | None:
    """Return the proxy that a call of a URL goes through, None for none."""
    parts, known = urlsplit(url), getproxies_environment()
    if not known or is_this_machine(parts.hostname or ""):
        return None
    # Its rule of NO_PROXY has networks too; it takes long to import, which few need.
    from requests.utils import should_bypass_proxies  # noqa: PLC0415

    if should_bypass_proxies(url, None):
        return None
    # A connection that stays open (wss) goes the way of a secure call.
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    found = known.get(scheme)
    return _with_scheme(found) if found else None


def proxy_problems(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (variable, problem) of proxies that cannot be used."""
    for name in (*PROXIES, *map(str.upper, PROXIES)):
        given = environ.get(name, "")
        if given and urlsplit(_with_scheme(given)).scheme not in ("http", "https"):
            yield name, "not the URL of an HTTP proxy (http://HOST:PORT or https://HOST:PORT)"


def proxy_secrets() -> Iterator[str]:
    """Yield the passwords of the proxies."""
    for url in getproxies_environment().values():
        password = urlsplit(_with_scheme(url)).password
        yield from {password, unquote(password)} if password else ()


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def is_this_machine(host: str) -> bool:
    """Return whether a host is reached without leaving this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
