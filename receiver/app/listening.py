"""Opens the three ports, each with its certificate where it speaks TLS, and watches those."""

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from receiver.app.routes import (
    build_application,
    build_metrics_application,
    build_status_application,
)
from receiver.conditions import Subject
from receiver.config.types import is_loopback
from receiver.errors import ConfigError
from receiver.http.ports import Listening
from receiver.http.tls.certificates import Certificate, CertificateError
from receiver.http.tls.config import TlsServerConfig
from receiver.http.tls.handshake import Tls

if TYPE_CHECKING:
    from receiver.app.service import Service

log = logging.getLogger("app")

LOOK_S = 10.0
"""How often it is looked whether the files of certificates changed."""


class Ports:
    """Those of one service."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._listening = Listening()
        self._certificates: list[Certificate] = []
        self._wake = asyncio.Event()
        self.leave = self._listening.leave
        self.close = self._listening.close

    async def open(self) -> None:
        """Listen on all ports that there are. ConfigError."""
        service, settings = self._service, self._service.settings
        web_config, page = settings.web, settings.status_page
        audit = service.audit.audit
        api = build_application(
            settings, service.endpoints, service.metrics, audit, service.tracing
        )
        tls = web_config.tls_server_config
        service.api_port = await self._open("api", web_config.listen_address, api, tls)
        if settings.observability.prometheus_enabled:
            metrics = build_metrics_application(settings, service.endpoints, service.status, audit)
            address, tls = web_config.metrics_address, web_config.metrics_tls_server_config
            if not is_loopback(address) and web_config.metrics_token is None:
                log.warning("/metrics at %s is open to all: set web.metrics_token", address)
            service.metrics_port = await self._open("metrics", address, metrics, tls)
        if page.listen_address and service.status_page.enabled:
            status = build_status_application(
                settings, service.endpoints, service.status_page, service.metrics, audit
            )
            tls = page.tls_server_config
            service.status_port = await self._open("status", page.listen_address, status, tls)

    async def _open(
        self, port: str, address: str, application: web.Application, config: TlsServerConfig | None
    ) -> int:
        service = self._service
        metrics, load = service.metrics, service.load
        tls = None
        if config is not None:
            try:
                certificate = await asyncio.to_thread(Certificate, port, config, service.clock.now)
            except CertificateError as error:
                raise ConfigError(f"the certificate of the {port} port: {error}") from None
            self._certificates.append(certificate)
            tls = Tls(certificate, partial(metrics.handshake_failed, port))
        connections = load.connections(port, partial(metrics.connection_refused, port))
        sockets = await service.part.sockets(port, address)
        return await self._listening.open(application, sockets, connections, tls)

    def reread(self) -> None:
        """Have the files of certificates looked at now: whoever reloads has renewed them."""
        self._wake.set()

    async def watch(self) -> None:
        """Look for ever whether certificates were renewed, and whether they end."""
        while self._certificates:
            for certificate in self._certificates:
                await asyncio.to_thread(certificate.look)
            self._say()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue
            self._wake.clear()

    def _say(self) -> None:
        service = self._service
        problems = filter(None, (one.problem() for one in self._certificates))
        service.conditions.report(Subject.CERTIFICATES, "; ".join(problems))
        for one in self._certificates:
            service.metrics.set_certificate(one.port, one.ends)
