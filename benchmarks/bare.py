"""The floor: an aiohttp handler on uvloop that reads the body and answers 202."""

import sys

import uvloop
from aiohttp import web


async def _accept(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


def main() -> None:
    """Serve on the port named on the command line."""
    application = web.Application(client_max_size=16 << 20)
    application.router.add_post("/v1/alerts/webhook", _accept)
    uvloop.install()
    web.run_app(
        application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None
    )


if __name__ == "__main__":
    main()
