"""People whom a proxy in front of this service has logged in."""

import ipaddress
from collections.abc import Callable

from aiohttp import web

from receiver.http.login_config import ProxyConfig
from receiver.http.principal import Person
from receiver.problem import refusal

NAME_MAX, GROUPS_MOST = 80, 200


def person_behind(
    request: web.Request, config: ProxyConfig, name_of: Callable[[str], str]
) -> Person | None:
    """Return whom a proxy names, None where it names nobody or is none that is believed.

    HTTP 403 in words for a name that cannot be one, and for somebody who has no role.
    """
    if not _is_believed(request.remote, config):
        return None
    named = request.headers.getall(config.header, [])
    if not any(named):
        return None
    name = named[0].strip()
    if len(named) > 1 or not name.isprintable() or len(name) > NAME_MAX:
        raise _refused(f"the proxy's header {config.header} holds no single name")
    groups = _groups(request, config)
    role = config.role_of(groups)
    if role is None:
        raise _refused(
            f"{name} has no role here: none of their groups has one in web.login.proxy.roles"
        )
    return Person(name_of(name), role)


def _is_believed(remote: str | None, config: ProxyConfig) -> bool:
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:  # noqa: PLR2004 - the version's own name
        address = address.ipv4_mapped
    return any(address in network for network in config.from_)


def _groups(request: web.Request, config: ProxyConfig) -> list[str]:
    lines = request.headers.getall(config.groups_header, []) if config.groups_header else []
    names = [name.strip() for line in lines for name in line.split(",")]
    return [name for name in names if name][:GROUPS_MOST]


def _refused(words: str) -> web.HTTPException:
    return refusal(web.HTTPForbidden, words)
