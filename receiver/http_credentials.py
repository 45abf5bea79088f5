"""As whom another service is asked over HTTP."""

import base64

from pydantic import SecretStr


def authorization(
    token: SecretStr | None, username: str | None, password: SecretStr | None
) -> dict[str, str]:
    """Return the header for a bearer token, or for a user name and password, or none at all."""
    if token is not None:
        return {"Authorization": f"Bearer {token.get_secret_value()}"}
    if password is not None:
        pair = f"{username}:{password.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}
