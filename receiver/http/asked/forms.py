"""Forms that browsers send."""

from aiohttp import web

from receiver.http.asked.body import FORM_MAX


async def read_form(request: web.Request, most: int = FORM_MAX) -> dict[str, str]:
    """Return the fields of a form of at most ``most`` bytes. HTTP 400 for what is none, 413."""
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    try:
        return {key: str(value) for key, value in (await request.post()).items()}
    except ValueError:
        raise web.HTTPBadRequest(text="The form cannot be read.\n") from None
