"""Reaching the store of a configuration, of a running service or at rest."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from receiver.errors import ConfigError, StoreUnavailableError
from receiver.settings.model import Settings
from receiver.store.redis import Client, connect, unavailable_is_503

LOADED_WITHIN_S = 600.0
_POLL_S = 0.1


def data_folder(settings: Settings) -> Path | None:
    """Return where the embedded server's data is; None when the store is somebody else's."""
    return None if settings.redis.url else (Path(settings.storage.path) / "valkey").resolve()


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Client]:
    """Give a client of the store.

    Of an embedded server that runs already its socket is used, and it is left running. Otherwise
    one is started on the files, and ended. ``create``: there need not be any data yet.
    ``StoreUnavailableError``, ``StorageLockedError``, ``ConfigError`` say what is in the way.
    """
    folder = data_folder(settings)
    if folder is None:
        async with _connected(settings.redis.url) as client:
            yield client
        return
    # Imported only when used: it needs Unix (flock), an external server does not.
    from receiver.store.embedded.server import EmbeddedValkey  # noqa: PLC0415

    if not create and not folder.is_dir():
        raise ConfigError(f"storage.path: there is no data in {folder.parent}")
    server = EmbeddedValkey(folder)
    if await runs(folder):
        async with _connected(server.url) as client:
            yield client
        return
    await server.start()
    try:
        async with _connected(server.url) as client:
            yield client
    finally:
        await server.stop()


async def runs(folder: Path) -> bool:
    """Return whether a server runs on these files; one that still loads is waited for."""
    from receiver.store.embedded.control import ask  # noqa: PLC0415
    from receiver.store.embedded.server import EmbeddedValkey  # noqa: PLC0415

    socket_path = EmbeddedValkey(folder).socket_path
    end = asyncio.get_running_loop().time() + LOADED_WITHIN_S
    while (answer := await ask(socket_path)) is not None:
        if Path(answer.directory) != folder:
            return False  # a start says whose it is
        if not answer.loading:
            return True
        if asyncio.get_running_loop().time() > end:
            raise StoreUnavailableError("the embedded Valkey still loads its data; try again later")
        await asyncio.sleep(_POLL_S)
    return False


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Client]:
    client = connect(url, connections=4)
    try:
        async with unavailable_is_503():
            await client.ping()
        yield client
    finally:
        await client.aclose(close_connection_pool=True)
