"""What a configuration may say, and whoever wrote it hardly means."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from receiver.config.problem import Place, Problem
from receiver.config.types import is_loopback
from receiver.http.auth import EXPIRES_SOON_MS
from receiver.http.tls.certificates import ending, read_pair
from receiver.roles import Role
from receiver.settings.check_routes import check_routes, check_rules
from receiver.settings.check_steps import check_steps_of_some
from receiver.settings.check_unused import Given, check_unused
from receiver.settings.check_web import tls_configs
from receiver.settings.model import Settings
from receiver.settings.places import nearest, nodes
from receiver.settings.rules import effective
from receiver.slack.config import SlackNotifierConfig
from receiver.text.times import rfc3339
from routing.config.base import is_channel_id
from routing.implied import impossible
from routing.matcher import Matcher
from routing.route import RouteTree


def advise(settings: Settings, given: Given, now: int) -> Iterator[Problem]:
    """Yield what to warn of in settings that are usable; ``given`` as in ``check_unused``.

    ``now`` in ms.
    """
    unreachable, lost = check_routes(settings)
    yield from unreachable
    yield from check_rules(settings)
    yield from _never_match(settings)
    yield from check_unused(settings, lost, given)
    yield from _never_quiet(settings, given)
    yield from check_steps_of_some(settings)
    yield from _exposed(settings)
    yield from _credentials(settings, now)
    yield from _in_the_clear(settings)
    yield from _certificates(settings, now)
    yield from _named_channels(settings)


def _never_match(settings: Settings) -> Iterator[Problem]:
    places: list[tuple[Place, Sequence[Matcher]]] = [
        (("heartbeats", name, "matchers"), config.matchers)
        for name, config in settings.heartbeats.items()
    ]
    places += [
        (("status_page", "components", number, "matchers"), component.matchers)
        for number, component in enumerate(settings.status_page.components)
    ]
    for place, matchers in places:
        both = impossible(matchers)
        if both is not None:
            words = f"no alert matches: {both[0]} and {both[1]} cannot both be true"
            yield Problem(place, words)


def _never_quiet(settings: Settings, given: Given) -> Iterator[Problem]:
    """Yield the quiet hours of calendars that are always open."""
    always = {name for name, config in settings.calendars.items() if config.always_open}
    seen: set[Place] = set()
    for node, route in zip(nodes(settings), RouteTree(settings.route).routes, strict=True):
        for priority, config in effective(settings, route).items():
            place = nearest(node, priority, "quiet_hours")
            if config.quiet_hours and config.calendar in always and given(place):
                seen.add(place)
    for place in sorted(seen, key=str):
        yield Problem(place, "has no effect: its calendar is open round the clock")


def _exposed(settings: Settings) -> Iterator[Problem]:
    """Whoever is let through by a proxy can do everything where nobody has to say who they are."""
    host = urlsplit(settings.web.base_url).hostname or ""
    shown = f"[{host}]" if ":" in host else host
    if not settings.web.guarded and not is_loopback(f"{shown}:0"):
        words = (
            "others reach this service by it, and no credentials are configured: whoever gets"
            " through can send alerts, read incidents and acknowledge them; set web.credentials"
        )
        yield Problem(("web", "external_url"), words)


def _credentials(settings: Settings, now: int) -> Iterator[Problem]:
    """What a credential may do and does not need to, what ends soon."""
    for number, credential in enumerate(settings.web.credentials):
        path: Place = ("web", "credentials", number)
        if credential.role is None:
            words = (
                "no role, so it may do everything, in anybody's name; a later release asks for one"
                f" of: {', '.join(Role)}"
            )
            yield Problem(path, words)
        if credential.expires and credential.expires - now < EXPIRES_SOON_MS:
            over = "expired" if credential.expires <= now else "expires"
            yield Problem((*path, "expires"), f"it {over} at {rfc3339(credential.expires)}")


def _certificates(settings: Settings, now: int) -> Iterator[Problem]:
    """An expired certificate keeps nobody from starting: what is open is paged all the same."""
    for path, config in tls_configs(settings):
        words = ending("this port", read_pair(config), now)
        if words:
            yield Problem(path, words)


def _in_the_clear(settings: Settings) -> Iterator[Problem]:
    """What people log in with is read by whoever carries it, unless it is carried by https."""
    web = settings.web
    parts = urlsplit(web.base_url)
    host = parts.hostname or ""
    here = is_loopback(f"[{host}]:0" if ":" in host else f"{host}:0")
    if web.logs_in and parts.scheme != "https" and not (here and is_loopback(web.listen_address)):
        words = (
            "people log in over http, so that passwords and sessions can be read on the way:"
            " set web.tls_server_config, or put a proxy with TLS in front and set"
            " web.external_url to its https address"
        )
        yield Problem(("web", "external_url"), words)
    oidc = web.login.oidc
    if oidc is not None and oidc.name_claim in _CHOSEN:
        words = (
            "at many providers people choose this themselves, also as somebody else's; email (if"
            " verified) and sub are certain"
        )
        yield Problem(("web", "login", "oidc", "name_claim"), words)


_CHOSEN = ("name", "nickname", "given_name", "family_name", "preferred_username")
"""Claims that are for showing (OpenID Connect Core 1.0, section 5.1)."""


def _named_channels(settings: Settings) -> Iterator[Problem]:
    """A name works until somebody changes it, and then nobody is told of anything."""
    named: list[tuple[Place, str | None]] = [(("slack", "channel"), settings.slack.channel)]
    named += [
        (("notifiers", name, "channel"), config.channel)
        for name, config in settings.notifiers.items()
        if isinstance(config, SlackNotifierConfig) and config.channel != settings.slack.channel
    ]
    for place, channel in named:
        if channel is not None and not is_channel_id(channel):
            words = (
                "a channel's name, which finds nothing once it is changed; use its id such as"
                " C0123ABCD (at the end of the channel's details in Slack)"
            )
            yield Problem(place, words)
