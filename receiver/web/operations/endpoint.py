"""How the service does, for programs: heartbeats, silences, the configuration, and all at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from receiver.http.answers import json_answer
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.web.operations.shapes import (
    Agenda,
    Config,
    ConfigState,
    HeartbeatList,
    HeartbeatShape,
    NotifierShape,
    Operations,
    Replicas,
    SilenceList,
    StoreShape,
)


class Reads(NamedTuple):
    """What can be read of a service; each StoreUnavailableError while Redis is away."""

    heartbeats: Callable[[], Awaitable[list[HeartbeatShape]]]
    silences: Callable[[], Awaitable[SilenceList]]
    agenda: Callable[[], Awaitable[tuple[Agenda, list[NotifierShape]]]]
    replicas: Callable[[], Awaitable[Replicas]]
    store: Callable[[], Awaitable[StoreShape]]
    config: Callable[[], ConfigState]
    configuration: Callable[[], Config]

    async def all(self) -> Operations:
        """Return everything but what others have to be asked for."""
        (agenda, notifiers), heartbeats, replicas, store = await asyncio.gather(
            self.agenda(), self.heartbeats(), self.replicas(), self.store()
        )
        return {
            "notifiers": notifiers,
            "heartbeats": heartbeats,
            "agenda": agenda,
            "replicas": replicas,
            "store": store,
            "config": self.config(),
        }


class OperationsEndpoint:
    """``/v1/operations``, ``/v1/heartbeats``, ``/v1/silences`` and ``/v1/config``."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    @serves("GET", "/v1/operations", Who.VIEWER, spec=Spec({200: Operations}))
    async def operations(self, _request: web.Request) -> web.Response:
        """GET /v1/operations: notifiers, heartbeats, agenda, replicas, store, configuration."""
        return json_answer(await self._reads.all())

    @serves("GET", "/v1/heartbeats", Who.VIEWER, spec=Spec({200: HeartbeatList}))
    async def heartbeats(self, _request: web.Request) -> web.Response:
        """GET /v1/heartbeats: each that is expected, its last beat, and whether it is late."""
        return json_answer({"heartbeats": await self._reads.heartbeats()})

    @serves("GET", "/v1/silences", Who.VIEWER, spec=Spec({200: SilenceList}))
    async def silences(self, _request: web.Request) -> web.Response:
        """GET /v1/silences: those that hold in Alertmanager, and the incidents they are from."""
        return json_answer(await self._reads.silences())

    @serves("GET", "/v1/config", Who.ADMIN, spec=Spec({200: Config}))
    async def config(self, _request: web.Request) -> web.Response:
        """GET /v1/config: the configuration in force, without secrets; its hash and reloads."""
        return json_answer(self._reads.configuration())
