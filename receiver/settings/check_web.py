"""What the settings of the ports, and of who may ask, demand of each other."""

from collections.abc import Iterable, Iterator

from receiver.config.problem import Place, Problem
from receiver.config.types import is_loopback
from receiver.http.config import CredentialConfig, WebConfig, hash_of
from receiver.http.tls.certificates import CertificateError, read_pair
from receiver.http.tls.config import ClientAuth, TlsServerConfig
from receiver.roles import Role
from receiver.settings.model import Settings


def check_web(settings: Settings) -> Iterator[Problem]:
    """Yield what keeps the ports from being served, or leaves nobody a way in."""
    yield from _check_credentials(settings)
    yield from _check_login(settings)
    yield from _check_tls(settings)
    yield from _check_publishers(settings)


def _check_credentials(settings: Settings) -> Iterable[Problem]:
    web = settings.web
    if not web.guarded and not is_loopback(web.listen_address):
        yield Problem(
            ("web", "listen_address"),
            f"{web.listen_address} can be reached by others and no credentials are configured:"
            " set web.credentials to a list with a name and a token_file (or a username and a"
            " password_file), or listen on 127.0.0.1 alone",
        )
    names: set[str] = set()
    secrets: set[tuple[str | None, str]] = set()
    usernames: set[str | None] = set()
    sans: set[str] = set()
    for number, credential in enumerate(web.credentials):
        path = ("web", "credentials", number)
        identity = (credential.username, _secret_of(credential))
        if credential.name in names:
            yield Problem(path, f"a second credential is named {credential.name}")
        if identity in secrets:
            yield Problem(path, "the same secret as another credential, so neither tells who it is")
        yield from _check_certified(credential, path, web)
        for san in credential.client_allowed_sans:
            if san in sans:
                yield Problem((*path, "client_allowed_sans"), f"{san} is another credential's too")
            sans.add(san)
        names.add(credential.name)
        secrets.add(identity)
        if credential.password_hash:
            if credential.username in usernames:
                words = f"a second password_hash for the user name {credential.username}"
                yield Problem((*path, "username"), words)
            usernames.add(credential.username)
        yield from _check_role(credential, path)


def _check_publishers(settings: Settings) -> Iterator[Problem]:
    """Whose alerts may be public has to be told from others, or anybody could say it is them."""
    web = settings.web
    for number, name in enumerate(settings.status_page.senders):
        if name not in web.clusters:
            known = name in {one.name for one in web.credentials}
            words = (
                f"the credential {name} has no cluster of its own, so nothing tells its alerts"
                " from others': set its cluster"
                if known
                else f"no credential is named {name!r}"
            )
            path: Place = ("status_page", "senders", number)
            yield Problem(path, words, () if known else tuple(sorted(web.clusters)))


def _check_role(credential: CredentialConfig, path: Place) -> Iterable[Problem]:
    if credential.role is Role.SENDER and credential.act_as:
        yield Problem((*path, "act_as"), "a sender does nothing in anybody's name")
    if credential.cluster and credential.role not in (None, Role.SENDER, Role.ADMIN):
        words = f"the role {credential.role} sends no alerts; leave it out"
        yield Problem((*path, "cluster"), words)


def _check_certified(
    credential: CredentialConfig, path: Place, web: WebConfig
) -> Iterable[Problem]:
    """Whose certificate is its credential has to be asked for one."""
    tls = web.tls_server_config
    asked = tls is not None and tls.client_auth_type is not ClientAuth.NONE
    if credential.client_allowed_sans and not asked:
        words = (
            "no client certificate is asked for: set web.tls_server_config with client_ca_file and"
            f" client_auth_type ({ClientAuth.IF_GIVEN} or {ClientAuth.REQUIRED})"
        )
        yield Problem((*path, "client_allowed_sans"), words)


def _check_tls(settings: Settings) -> Iterable[Problem]:
    """What a port is to show has to be there and fit, or nobody could connect."""
    page = settings.status_page
    if page.tls_server_config is not None and not page.listen_address:
        words = "only with status_page.listen_address: on the API's port the page has its TLS"
        yield Problem(("status_page", "tls_server_config"), words)
    for path, config in tls_configs(settings):
        try:
            read_pair(config)
        except CertificateError as error:
            yield Problem((*path, error.field), str(error))


def tls_configs(settings: Settings) -> Iterator[tuple[Place, TlsServerConfig]]:
    """Yield the certificates of all ports, with their places."""
    web, page = settings.web, settings.status_page
    places: tuple[tuple[Place, TlsServerConfig | None], ...] = (
        (("web", "tls_server_config"), web.tls_server_config),
        (("web", "metrics_tls_server_config"), web.metrics_tls_server_config),
        (("status_page", "tls_server_config"), page.tls_server_config),
    )
    for place, config in places:
        if config is not None:
            yield place, config


def _check_login(settings: Settings) -> Iterable[Problem]:
    """Who logs in is asked to; alerts must not be, and the provider has to find the way back."""
    web = settings.web
    senders = (None, Role.SENDER, Role.ADMIN)
    sends = any(one.role in senders and not one.password_hash for one in web.credentials)
    if (
        web.logs_in
        and not sends
        and not any(one.token for one in settings.integrations.named.values())
    ):
        yield Problem(
            ("web", "login"),
            "people log in, so whoever sends alerts has to show a credential, and there is none:"
            " add one with the role sender to web.credentials (incident-manager token new)",
        )
    if web.login.oidc is None:
        return
    if web.external_url is None and not is_loopback(web.listen_address):
        words = "web.external_url is needed: the provider leads people back to that address"
        yield Problem(("web", "login", "oidc"), words)


def _secret_of(credential: CredentialConfig) -> str:
    """Return what tells a credential from others; a token as its hash, however it was given."""
    if credential.token is not None:
        return hash_of(credential.token.get_secret_value())
    password = credential.password
    shown = credential.token_hash or credential.password_hash
    shown = shown or " ".join(credential.client_allowed_sans)
    return shown or (password.get_secret_value() if password else "")
