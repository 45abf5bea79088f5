"""People whom a proxy in front of this service has logged in."""

from collections.abc import Callable

from aiohttp import web

from receiver.http.addresses import is_within, peer_of
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
    if not is_within(peer_of(request), config.from_):
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


def _groups(request: web.Request, config: ProxyConfig) -> list[str]:
    lines = request.headers.getall(config.groups_header, []) if config.groups_header else []
    names = [name.strip() for line in lines for name in line.split(",")]
    return [name for name in names if name][:GROUPS_MOST]


def _refused(words: str) -> web.HTTPException:
    return refusal(web.HTTPForbidden, words)
