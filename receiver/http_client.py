"""How another service is asked over HTTP: as whom, and how much of its answer is read."""

import base64

from aiohttp import ClientResponse
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


async def read_at_most(answer: ClientResponse, most: int) -> bytes | None:
    """Return the body of an answer, None when it is longer than ``most`` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
