"""A strict provider of single sign-on with real signatures, and what a bad one would do.

It takes a code once, from the client it gave it to, with the verifier that belongs to it.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

CLIENT, SECRET = "incident-manager", "the secret/of:the+client"
REQUIRED = ("state", "nonce", "code_challenge", "redirect_uri", "scope")


class FakeOidc:
    """``claims`` are laid over those of the ID token; None takes one away."""

    def __init__(self) -> None:
        self.issuer = ""
        self.keys: list[Key] = [self.new_key("one")]
        self.published = self.keys
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.signing: Key | None = None
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.answer: Callable[[str], web.Response | None] = lambda _path: None
        """What is answered instead, by the path."""
        self.calls: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.now: Callable[[], int] = lambda: 0
        self.secret: str | None = SECRET
        self._runner: web.AppRunner | None = None
        self.port = 0

    @staticmethod
    def new_key(name: str) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.issuer = f"http://localhost:{self.port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.path
        self.calls.append(path)
        instead = self.answer(path)
        if instead is not None:
            return instead
        if path == "/token" and request.method == "POST":
            return self._token(request, parse_qs(await request.text()))
        if path == "/userinfo":
            known = request.headers.get("Authorization", "").startswith("Bearer ")
            return web.json_response(self.userinfo, status=200 if known else 401)
        return self._shown(request)

    def _shown(self, request: web.Request) -> web.Response:
        if request.path == "/authorize":
            return self.authorize(dict(request.query))
        if request.path == "/jwks":
            keys = [key.as_dict(private=False) for key in self.published]
            return web.json_response({"keys": [{"kty": "PQ", "kid": "new"}, *keys]})
        if request.path == "/.well-known/openid-configuration":
            return web.json_response(self._described() | self.metadata)
        return web.Response(status=404)

    def _described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def authorize(self, asked: dict[str, str]) -> web.Response:
        """Let in whoever comes, where the client asks as it should."""
        missing = [name for name in REQUIRED if not asked.get(name)]
        wrong = asked.get("response_type") != "code" or asked.get("client_id") != CLIENT
        if missing or wrong or asked.get("code_challenge_method") != "S256":
            return web.Response(status=400, text=f"missing: {missing}")
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{query}"})

    def _token(self, request: web.Request, form: dict[str, list[str]]) -> web.Response:
        given = {name: values[0] for name, values in form.items()}
        asked = self.codes.pop(given.get("code", ""), None)
        if asked is None or given.get("redirect_uri") != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if not self._is_client(request, given):
            return web.json_response({"error": "invalid_client"}, status=401)
        access = secrets.token_urlsafe(8)
        answer = {"access_token": access, "token_type": "Bearer", "id_token": self.token(asked)}
        return web.json_response(answer)

    def _is_client(self, request: web.Request, given: dict[str, str]) -> bool:
        if self.secret is None:
            return given.get("client_id") == CLIENT and "Authorization" not in request.headers
        pair = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        post = (given.get("client_id"), given.get("client_secret")) == (CLIENT, self.secret)
        return request.headers.get("Authorization") == f"Basic {pair}" or post

    def token(self, asked: dict[str, str]) -> str:
        """Return the ID token of a login, with what is wrong with it."""
        now = self.now() // 1000
        claims = {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "email": "ann@example.com",
            "email_verified": True,
            "groups": ["oncall"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.signing or self.keys[-1]
        header = {"alg": "RS256", "kid": self.keys[-1].kid} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        if header["alg"] == "none":
            return ".".join([_packed(header), _packed(claims), ""])
        if header["alg"] == "HS256":
            # Signed with the public key, which everybody has, as if it were a shared secret.
            body = f"{_packed(header)}.{_packed(claims)}"
            digest = hmac.digest(key.as_pem(private=False), body.encode(), "sha256")
            return f"{body}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
        return str(jwt.encode(header, claims, key, algorithms=[str(header["alg"])]))


def _packed(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
