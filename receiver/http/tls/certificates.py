"""The certificate of a port: read, judged, and read again when its files change.

What replaces it has to be good: a certificate that cannot be read, that is expired or that its key
does not belong to leaves the one in force that was. Whoever renews writes one file after the other,
so a pair that does not fit may fit a moment later, and is tried again.
"""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from receiver.http.tls.config import ClientAuth, TlsServerConfig
from receiver.text.times import rfc3339
from receiver.text.units import span

log = logging.getLogger("tls")

DAY_MS = 86_400_000
SOON_MS = 14 * DAY_MS
SOON_SHARE = 4
"""It is said 14 days before that a certificate ends, of a short-lived one in its last quarter."""
FILE_MAX = 1 << 20
_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}
_LEAST = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class CertificateError(Exception):
    """Files are no certificate that can be shown; ``field`` says which setting names the file."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field


class Validity(NamedTuple):
    """From when until when (ms) something holds."""

    start: int
    end: int

    def soon(self, now: int) -> bool:
        """Return whether it ends soon, or has ended."""
        return now >= self.end - min(SOON_MS, (self.end - self.start) // SOON_SHARE)


class Pair(NamedTuple):
    """What a port shows and takes: ready for handshakes, and how long it holds."""

    context: ssl.SSLContext
    own: Validity
    clients: Validity | None


def read_pair(config: TlsServerConfig) -> Pair:
    """Return what files hold, whether it is expired or not; CertificateError."""
    own = _validity(_bytes("cert_file", config.cert_file), "cert_file", config.cert_file)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _LEAST[config.min_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _bytes("key_file", config.key_file)
    try:
        context.load_cert_chain(config.cert_file, config.key_file, _no_password)
    except ssl.SSLError as error:
        raise CertificateError("key_file", f"{config.key_file} {_why(error)}") from None
    except (_EncryptedError, OSError) as error:
        raise CertificateError("key_file", f"{config.key_file} {error}") from None
    clients = None
    context.verify_mode = _VERIFY[config.client_auth_type]
    if config.client_ca_file:
        pem = _bytes("client_ca_file", config.client_ca_file)
        clients = _validity(pem, "client_ca_file", config.client_ca_file, last=True)
        try:
            context.load_verify_locations(cadata=pem.decode("ascii", "replace"))
        except ssl.SSLError as error:
            words = f"{config.client_ca_file} holds no certificates: {error.reason or error}"
            raise CertificateError("client_ca_file", words) from None
    return Pair(context, own, clients)


def ending(port: str, pair: Pair, now: int) -> str:
    """Return in words what of a port's certificates ends soon or has ended, "" for nothing."""
    named = {f"the certificate of {port}": pair.own}
    if pair.clients is not None:
        named[f"the client CA of {port}"] = pair.clients
    return "; ".join(
        f"{what} {_when(validity, now)}" for what, validity in named.items() if validity.soon(now)
    )


def _when(validity: Validity, now: int) -> str:
    at = rfc3339(validity.end)
    if validity.end <= now:
        return f"expired at {at}: senders refuse it"
    return f"expires in {span((validity.end - now) / 1000)}, at {at}"


class Certificate:
    """That of one port, for as long as it runs."""

    def __init__(self, port: str, config: TlsServerConfig, now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms; CertificateError when there is none to begin with."""
        self.port = port
        self.failed = ""
        """Why what the files hold now is not shown, "" for nothing."""
        self._config = config
        self._now = now
        self._seen = _marks(config)
        self._pair = read_pair(config)

    @property
    def context(self) -> ssl.SSLContext:
        """What handshakes that begin now are made with."""
        return self._pair.context

    @property
    def ends(self) -> int:
        """When it expires (ms)."""
        return self._pair.own.end

    def problem(self) -> str:
        """Return in words what is wrong with it, "" for nothing."""
        said = (self.failed, ending(f"the {self.port} port", self._pair, self._now()))
        return "; ".join(filter(None, said))

    def look(self) -> None:
        """Take what the files hold where they changed, if it is good. It reads files."""
        marks = _marks(self._config)
        if marks == self._seen and not self.failed:
            return
        before, why = self.failed, ""
        try:
            found = read_pair(self._config)
            why = self._unfit(found)
        except CertificateError as error:
            why = str(error)
        self._seen = marks
        if not why:
            self._pair, self.failed = found, ""
            until = rfc3339(found.own.end)
            log.info("the %s port shows another certificate, until %s", self.port, until)
            return
        self.failed = f"the {self.port} port keeps its old certificate: {why}"
        if self.failed != before:
            log.error("%s", self.failed)

    def _unfit(self, found: Pair) -> str:
        now = self._now()
        if found.own.end <= now:
            return f"{self._config.cert_file} expired at {rfc3339(found.own.end)}"
        if found.own.start > now:
            return f"{self._config.cert_file} holds from {rfc3339(found.own.start)} on"
        return ""


class _EncryptedError(Exception):
    pass


def _no_password() -> str:
    """Refuse an encrypted key: OpenSSL would ask for its password at the terminal."""
    raise _EncryptedError("is encrypted, and nobody is there to type its password: decrypt it")


def _marks(config: TlsServerConfig) -> tuple[object, ...]:
    """Return what is another once files were written or exchanged."""
    found: list[object] = []
    for name in config.files:
        try:
            stat = Path(name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
    return tuple(found)


def _bytes(field: str, name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            found = file.read(FILE_MAX + 1)
    except OSError as error:
        words = f"{name} cannot be read: {error.strerror or error}"
        raise CertificateError(field, words) from None
    if len(found) > FILE_MAX:
        raise CertificateError(field, f"{name} is longer than {FILE_MAX} bytes")
    return found


def _validity(pem: bytes, field: str, name: str, *, last: bool = False) -> Validity:
    """Return how long the first certificate holds, or the ``last`` of all of them."""
    # Imported only where there is TLS: it takes its time, which few need.
    from cryptography import x509  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        words = f"{name} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        raise CertificateError(field, words) from None
    one = max(found, key=lambda each: each.not_valid_after_utc) if last else found[0]
    times = (one.not_valid_before_utc, one.not_valid_after_utc)
    return Validity(*(int(time.timestamp() * 1000) for time in times))


def _why(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "is not the key of that certificate"
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        return f"and its certificate are too weak for today's clients ({error.reason})"
    return f"holds no private key in PEM form ({error.reason or error})"
