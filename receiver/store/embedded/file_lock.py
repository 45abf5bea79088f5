"""A lock on a file, held by processes and released by the kernel when the last of them ends."""

import errno
import fcntl
import os
from pathlib import Path

from receiver.errors import ConfigError


class FileLock:
    """An exclusive ``flock`` on ``path``, whose file also carries a note about its holder.

    The lock belongs to the open file, not to the process: a child that is given ``fileno`` shares
    it and keeps it after the parent has closed its own copy. Without that, no child inherits it,
    because Python opens files close-on-exec. The file is never unlinked, since a lock on an
    unlinked file excludes nobody.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    @property
    def fileno(self) -> int:
        """Descriptor of the held lock; ``RuntimeError`` when it is not held."""
        if self._fd is None:
            raise RuntimeError(f"{self.path} is not locked")
        return self._fd

    def try_acquire(self) -> bool:
        """Take the lock without waiting; false when another holder lives.

        Errors: ``ConfigError`` where the file cannot be opened or the file system has no locks.
        """
        if self._fd is not None:
            return True
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"storage.path: cannot open {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            raise ConfigError(
                f"storage.path: cannot lock {self.path}: {error.strerror};"
                " use a local disk, or set redis.url to a server of your own"
            ) from error
        self._fd = fd
        return True

    def is_free(self) -> bool:
        """Whether nobody holds the lock, not this object either, at this moment."""
        if self._fd is not None or not self.try_acquire():
            return False
        self.release()
        return True

    def release(self) -> None:
        """Give up this object's share; a child that has the descriptor keeps the lock.

        Closing does that; ``LOCK_UN`` would unlock for the child as well.
        """
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def write_note(self, *lines: str) -> None:
        """Replace the holder's note; only while the lock is held."""
        os.ftruncate(self.fileno, 0)
        os.pwrite(self.fileno, "".join(f"{line}\n" for line in lines).encode(), 0)

    def read_note(self) -> list[str]:
        """Lines the last holder wrote, or none; a holder may not have written them yet."""
        try:
            return self.path.read_text(errors="replace").splitlines()
        except OSError:
            return []
