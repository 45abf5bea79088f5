"""A real provider of single sign-on (Canaille) with its own process, memory, people and one client.

Usage: python -m tests.support.canaille_program PORT REDIRECT_URI. Prints a line when it answers.
"""

import os
import sys
from typing import Any

CLIENT, SECRET = "incident-manager", "the-secret-of-the-client"
PEOPLE = {"ann": ("oncall",), "vic": ("staff",), "eve": ("visitors",)}
"""User name -> groups; everybody's password is ``PASSWORD``."""
PASSWORD = "correct horse battery"


def main() -> None:
    """Serve until the process is ended."""
    port, redirect = int(sys.argv[1]), sys.argv[2]
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    from canaille import create_app  # noqa: PLC0415 - it reads the variable above
    from werkzeug.serving import make_server  # noqa: PLC0415

    app = create_app(config=_config(port), env_file="", env_prefix="NOBODY_SETS_")
    with app.app_context():
        _fill(redirect)
    # A browser holds connections open that it does not use: each has a thread.
    server = make_server("localhost", port, app, threaded=True)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    server.serve_forever()


def _config(port: int) -> dict[str, Any]:
    from joserfc.jwk import JWKRegistry  # noqa: PLC0415 - of the program alone

    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    return {
        "ENV_FILE": None,
        "SECRET_KEY": os.urandom(16).hex(),
        "PREFERRED_URL_SCHEME": "http",
        "SERVER_NAME": f"localhost:{port}",
        "SESSION_COOKIE_SECURE": False,
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
    }


def _fill(redirect: str) -> None:
    from canaille.app import models  # noqa: PLC0415
    from canaille.backends import Backend  # noqa: PLC0415

    backend = Backend.instance
    for name, groups in PEOPLE.items():
        user = models.User(
            user_name=name,
            formatted_name=name.title(),
            family_name=name.title(),
            emails=[f"{name}@example.com"],
            password=PASSWORD,
        )
        backend.save(user)
        for group in groups:
            backend.save(models.Group(display_name=group, members=[user]))
    client = models.Client(
        client_id=CLIENT,
        client_secret=SECRET,
        client_name="LLM Incident Manager",
        client_uri="http://localhost",
        contacts=["ops@example.com"],
        redirect_uris=[redirect],
        post_logout_redirect_uris=[redirect.replace("/login/oidc/callback", "/login")],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
    )
    backend.save(client)
    client.audience = [client]
    backend.save(client)


if __name__ == "__main__":
    main()
