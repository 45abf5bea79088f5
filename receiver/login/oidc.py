"""Single sign-on: OpenID Connect's code flow with PKCE.

What belongs to a login that is under way (state, nonce, verifier) is in a cookie of the browser
that began it, so that any replica can end it, and in no other browser. Requests and
checks of the protocol are authlib's and joserfc's; the calls follow the rule of all calls.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError

from receiver.http.login_config import OidcConfig
from receiver.login.errors import UNDER_WAY_MS, LoginRefusedError, ProviderError
from receiver.login.provider import Metadata, NamedKey, Provider

ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
]
"""Signatures by a key pair alone: with ``none``, or with a public key as a shared secret, anybody
could be anybody."""
SKEW_S = 60
"""How far the clocks of the provider and of us may differ."""
NAME_MAX, SUBJECT_MAX, GROUPS_MOST, GROUP_MAX, TOKEN_MAX = 80, 255, 200, 200, 100_000
COOKIE_MAX, GROUPS_SHOWN = 1_200, 400
"""Bytes of a cookie: several at once, with all else, have to fit into one header."""


class UnderWay(msgspec.Struct, frozen=True):
    """A login that began: what only this browser knows, where it leads to, and when it began."""

    state: str
    nonce: str
    verifier: str
    leads_to: str
    at: int


class Identity(NamedTuple):
    """Whom the provider vouches for: an id that never changes, a name, and groups."""

    subject: str
    name: str
    groups: tuple[str, ...]


class Oidc:
    """Logins at one provider."""

    def __init__(
        self, config: OidcConfig, redirect_uri: str, now: Callable[[], int], provider: Provider
    ) -> None:
        """``now()`` returns the time in ms."""
        self.config = config
        self.provider = provider
        self._redirect_uri = redirect_uri
        self._now = now

    seconds = UNDER_WAY_MS // 1000
    """How long a login may be under way."""

    def pack(self, begun: UnderWay) -> str:
        """Return a login that is under way as a cookie holds it."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(begun)).decode().rstrip("=")
        if len(packed) <= COOKIE_MAX:
            return packed
        return self.pack(msgspec.structs.replace(begun, leads_to=""))

    def unpack(self, text: str) -> UnderWay | None:
        """Return what ``pack`` packed, None for anything else."""
        if not text or len(text) > COOKIE_MAX:
            return None
        try:
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"==")
            return msgspec.json.decode(raw, type=UnderWay)
        except (ValueError, msgspec.MsgspecError):
            return None

    async def begin(self, leads_to: str) -> tuple[str, UnderWay]:
        """Return the provider's page to log in at, and what to remember. ProviderError."""
        metadata = await self.provider.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        begun = UnderWay(state, nonce, verifier, leads_to, self._now())
        page = prepare_grant_uri(
            metadata.authorization_endpoint,
            self.config.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=" ".join(self.config.scopes),
            state=begun.state,
            nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )
        return str(page), begun

    async def finish(self, query: Mapping[str, str], begun: UnderWay | None) -> Identity:
        """Return who logged in, from what the provider's page led back with.

        LoginRefusedError, ProviderError.
        """
        given = query.get("state", "")
        if begun is None or not hmac.compare_digest(given.encode(), begun.state.encode()):
            words = "this login did not begin in this browser, or was ended already: begin again"
            raise LoginRefusedError(words)
        if not 0 <= self._now() - begun.at + SKEW_S * 1000 <= UNDER_WAY_MS:
            raise LoginRefusedError("this login began too long ago: begin again")
        metadata = await self.provider.metadata()
        _check_answer(query, metadata)
        token = await self._exchange(query.get("code", ""), begun, metadata)
        claims = await self._verified(str(token.get("id_token") or ""), begun, token)
        return await self._identity(claims, str(token.get("access_token") or ""), metadata)

    async def _exchange(self, code: str, begun: UnderWay, metadata: Metadata) -> dict[str, Any]:
        """Return what the provider gives for a code."""
        secret = self.config.client_secret
        methods = metadata.token_endpoint_auth_methods_supported
        method = "client_secret_basic"
        if secret is None:
            method = "none"
        elif method not in methods and "client_secret_post" in methods:
            method = "client_secret_post"
        body = prepare_token_request(
            "authorization_code",
            code=code,
            redirect_uri=self._redirect_uri,
            code_verifier=begun.verifier,
        )
        client = ClientAuth(
            self.config.client_id, secret.get_secret_value() if secret else None, method
        )
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        url, headers, body = client.prepare("POST", metadata.token_endpoint, headers, body)
        raw = await self.provider.ask("POST", url, headers=headers, data=body)
        return _object(raw)

    async def _verified(
        self, raw: str, begun: UnderWay, token: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the claims of an ID token of ours: signed, in time, and of this very login."""
        if not raw or len(raw) > TOKEN_MAX:
            raise LoginRefusedError("the provider gave no ID token that can be read")
        found = _opened(raw, await self.provider.keys())
        if found is None:
            # It may have changed its keys.
            found = _opened(raw, await self.provider.keys(anew=True))
        if found is None:
            raise LoginRefusedError("the ID token is not signed by a key of the provider")
        claims = CodeIDToken(
            found.claims,
            found.header,
            {
                "iss": {"essential": True, "value": self.config.issuer},
                "aud": {"essential": True, "value": self.config.client_id},
                "sub": {"essential": True},
            },
            {
                "nonce": begun.nonce,
                "client_id": self.config.client_id,
                "access_token": token.get("access_token"),
            },
        )
        try:
            claims.validate(self._now() // 1000, SKEW_S)
        except (JoseError, ValueError, TypeError, AttributeError) as error:
            words = str(error) or type(error).__name__
            raise LoginRefusedError(f"the ID token does not hold: {words[:200]}") from None
        return dict(claims)

    async def _identity(
        self, claims: Mapping[str, Any], access: str, metadata: Metadata
    ) -> Identity:
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX:
            raise LoginRefusedError("the provider gave no subject that can be read")
        config = self.config
        missing = any(
            _at(claims, path) is None for path in (config.name_claim, config.groups_claim)
        )
        if missing and metadata.userinfo_endpoint and access:
            headers = {"Authorization": f"Bearer {access}", "Accept": "application/json"}
            more = _object(
                await self.provider.ask("GET", metadata.userinfo_endpoint, headers=headers)
            )
            # OpenID Connect Core 1.0, section 5.3.4: of another subject it is not to be used.
            if more.get("sub") == subject:
                claims = more | dict(claims)
        found = Identity(
            subject, self._name(claims), _groups(_at(claims, config.groups_claim), config.roles)
        )
        if config.role_of(found.groups) is None:
            shown = ", ".join(found.groups)[:GROUPS_SHOWN] or "none"
            raise LoginRefusedError(
                f"{found.name} has no role here: none of the groups that the provider told has one"
                f" in web.login.oidc.roles (told: {shown})"
            )
        return found

    def _name(self, claims: Mapping[str, Any]) -> str:
        claim = self.config.name_claim
        name = _at(claims, claim)
        if claim == "email" and claims.get("email_verified") is False:
            raise LoginRefusedError("the provider has not verified your e-mail address")
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise LoginRefusedError(
                f"the provider did not say who you are ({claim}): add a scope that gives it, or set"
                " web.login.oidc.name_claim"
            )
        return name.strip()[:NAME_MAX]


def _check_answer(query: Mapping[str, str], metadata: Metadata) -> None:
    """Refuse what the provider says instead of a code, and another provider's code (RFC 9207)."""
    issuer = query.get("iss")
    wanted = metadata.authorization_response_iss_parameter_supported
    if issuer != metadata.issuer and (wanted or issuer is not None):
        raise LoginRefusedError("this comes from another provider")
    if "error" in query:
        words = " ".join((query["error"], query.get("error_description", ""))).strip()
        shown = "".join(char for char in words if char.isprintable())[:200]
        raise LoginRefusedError(f"the provider let nobody in: {shown}")
    if not query.get("code"):
        raise LoginRefusedError("the provider gave no code")


def _opened(raw: str, keys: list[NamedKey]) -> jwt.Token | None:
    """Return a token that one of the keys signed, None for none of them."""
    try:
        wanted = _object(base64.urlsafe_b64decode(raw.partition(".")[0] + "==")).get("kid")
    except (ProviderError, ValueError):
        return None
    for name, key in keys:
        if None not in (name, wanted) and name != wanted:
            continue
        try:
            return jwt.decode(raw, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError):
            continue
    return None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProviderError("its answer is no JSON object") from None


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path of names (``realm_access.roles``)."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _groups(value: Any, known: Container[str]) -> tuple[str, ...]:
    """Return the groups of a claim, those that have a role first: the rest may be cut off."""
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    names = [one for one in given if isinstance(one, str) and 0 < len(one) <= GROUP_MAX]
    return tuple(sorted(names, key=lambda name: name not in known)[:GROUPS_MOST])
