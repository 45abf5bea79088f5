"""Every error this service raises on purpose.

The tree (catch the root to catch them all)::

    IncidentManagerError
    ├── ConfigError             a setting is wrong; the service does not start
    ├── StorageLockedError      another process uses the data; the service does not start
    ├── DamagedRecordError      what is stored cannot be read: it is put aside (store.mending)
    ├── StoreUnavailableError   Redis is away or not usable: answer 503, the sender tries again
    │   └── NewerRecordError    what is stored was written by a newer release: it is left alone
    ├── PayloadError            the request cannot be read: answer 400 with the place
    ├── SilenceError            Alertmanager did not silence or end what it was asked to
    │   └── NoAlertmanagerError none is configured for that cluster, so nobody was asked
    └── EnrichmentError         an enricher did not find out

Losing a race (a stale click, a lease taken by another worker, a commit on an old version) is a
value, not an error, and has no class here.
"""


class IncidentManagerError(Exception):
    """Root of the tree; its text is written for the person who reads the log."""


class ConfigError(IncidentManagerError):
    """One or more settings are wrong.

    ``problems`` holds one text for each, so that all of them can be shown at once; the text of
    the exception is the problems, one a line.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StorageLockedError(IncidentManagerError):
    """The storage path is in use by another process.

    The text names the path, the process (where it is known) and what to do.
    """


class StoreUnavailableError(IncidentManagerError):
    """Redis cannot be reached, is still loading, or refuses to write.

    Nothing of the request was acknowledged, so the answer is 503 and the sender's retry is safe.
    """


class NewerRecordError(StoreUnavailableError):
    """A record was written by a newer release: this one neither changes nor puts it aside.

    A replica of that release can go on with it, so the sender's retry may succeed there.
    """


class DamagedRecordError(IncidentManagerError):
    """What is stored is nothing any release has written; the text says why, for people."""


class PayloadError(IncidentManagerError):
    """The body of a request cannot be parsed or is beyond its bounds.

    ``position`` says where, as exactly as the parser knows: ``line 3 column 14``, ``byte 120`` or
    a path such as ``$.alerts[2].labels``; it is empty when the whole body is meant. A message may
    repeat what was sent, so it is cut.
    """

    LONGEST = 4_000

    def __init__(self, message: str, position: str = "") -> None:
        if len(message) > self.LONGEST:
            message = f"{message[: self.LONGEST]}…"
        super().__init__(f"{position}: {message}" if position else message)
        self.message = message
        self.position = position


class TooManyError(PayloadError):
    """Somebody does more of something than they may; ``seconds``: when they may again."""

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class SilenceError(IncidentManagerError):
    """Nothing was silenced or ended; the text says why, for whoever asked."""


class NoAlertmanagerError(SilenceError):
    """None is configured for that cluster, so nobody was asked."""


class EnrichmentError(IncidentManagerError):
    """It could not be found out; the text says why, for the log."""
