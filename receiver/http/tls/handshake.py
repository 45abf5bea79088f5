"""A connection before both sides have keys: it is counted like any other, and has its time.

The loop makes the protocol of a TLS connection only when the handshake is done, so that thousands
which never finish theirs would be connections that nobody counts or ends. So they are accepted
here, and each handshake is made with the certificate that is in force when it begins.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from receiver.http.tls.certificates import Certificate
from receiver.problem import CONTENT_TYPE, problem_text

log = logging.getLogger("tls")

HANDSHAKE_S = 10.0
CLOSE_S = 2.0
"""How long the other side has to take notice of an end."""
SAY_EVERY_S = 60.0
_NOT_HTTPS = problem_text(
    503, "this port speaks https, and was asked by http: write https:// in the address"
).encode()
# Not 400, as others answer: Alertmanager drops what a 4xx refuses, and repeats what a 5xx does.
_NOT_TLS = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: %b\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b"
    % (CONTENT_TYPE.encode(), len(_NOT_HTTPS), _NOT_HTTPS)
)
_LEFT = ("UNEXPECTED_EOF_WHILE_READING",)
_WORDS = {
    "HTTP_REQUEST": "it was asked by http://, and speaks https",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no client certificate (client_auth_type)",
    "CERTIFICATE_VERIFY_FAILED": "its client certificate is not one of client_ca_file, or expired",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know who issued our certificate: give it the CA",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not take our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not take our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our certificate is expired",
    "UNSUPPORTED_PROTOCOL": "its TLS is older than min_version",
}


class Tls:
    """What the handshakes of a port have in common."""

    def __init__(self, certificate: Certificate, failed: Callable[[], None]) -> None:
        """``failed()`` is called for each handshake that comes to nothing."""
        self.certificate = certificate
        self._failed = failed
        self._said = 0.0
        self._unsaid = 0

    def fail(self, address: str, why: str) -> None:
        """Count a handshake that failed, and say so once in a while: anybody can have one fail."""
        self._failed()
        now = asyncio.get_running_loop().time()
        if self._said and now - self._said < SAY_EVERY_S:
            self._unsaid += 1
            return
        more = f" (and {self._unsaid} more since the last line)" if self._unsaid else ""
        port = self.certificate.port
        log.warning("no TLS with %s at the %s port: %s%s", address, port, why, more)
        self._said, self._unsaid = now, 0


class Door(Protocol):
    """What counts connections."""

    def enter(self, one: Any) -> bool:
        """Make room for a connection; False: there is none."""

    def leave(self, one: Any) -> None:
        """Forget a connection."""


class Handshake:
    """One connection until it has keys; ``make(this)`` gives the protocol that it goes on with.

    That takes its place then, and so has it given back.
    """

    request = None
    """Nothing is asked yet: it may make room for others."""

    def __init__(
        self, door: Door, tls: Tls, make: Callable[["Handshake"], asyncio.Protocol]
    ) -> None:
        self._door = door
        self._tls = tls
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self.address = ""
        self.since = self._loop.time()

    def patience(self, _bounds: object) -> float:
        """Return how long (s) it may stay as it is."""
        return HANDSHAKE_S

    def force_close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()

    def begin(self, accepted: socket.socket, address: str) -> asyncio.Task[None] | None:
        """Take a place among the connections and begin; None: there is none, and it is closed."""
        self.address = address
        if not self._door.enter(self):
            _reset(accepted)
            return None
        self._task = self._loop.create_task(self._agree(accepted))
        return self._task

    async def _agree(self, accepted: socket.socket) -> None:
        twin = _twin(accepted)
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make(self),
                accepted,
                ssl=self._tls.certificate.context,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=CLOSE_S,
            )
        except (ssl.SSLError, OSError) as error:
            self._fail(error, twin)
        finally:
            self._door.leave(self)
            if twin is not None:
                twin.close()

    def _fail(self, error: OSError, twin: socket.socket | None) -> None:
        reason = getattr(error, "reason", None)
        if reason in (None, *_LEFT) and "timeout" not in str(error):
            # A load balancer that looks whether the port is open, a browser that thought better.
            return
        if reason == "HTTP_REQUEST" and twin is not None:
            # The transport is closed by now, the connection is not.
            with contextlib.suppress(OSError):
                twin.send(_NOT_TLS)
        words = _WORDS.get(str(reason), str(reason or error))
        self._tls.fail(self.address, words)


def _twin(accepted: socket.socket) -> socket.socket | None:
    """Return another handle of a connection; None where there is no descriptor left."""
    try:
        return accepted.dup()
    except OSError:
        return None


def _reset(accepted: socket.socket) -> None:
    """Close a connection at once, with nothing left of it in the system."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    accepted.close()
