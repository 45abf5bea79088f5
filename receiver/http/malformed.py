"""What is no HTTP request: the answer to it, and a line of the log for the first of many."""

import asyncio
import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from receiver.audit.notes import Sparing
from receiver.problem import problem

ADDRESS_MAX = HEADER_MAX = 8190
"""Bytes of a request's address and of one header, as most servers have it."""


def answer(error: BaseException | None, status: int) -> web.Response:
    """Return the answer: what is wrong in our words, and nothing of what was sent."""
    status, words = _judged(error, status)
    response = problem(status, words)
    response.force_close()
    return response


def _judged(error: BaseException | None, status: int) -> tuple[int, str]:
    if isinstance(error, LineTooLong):
        words = f"an address or a header is longer than {ADDRESS_MAX:,} bytes"
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words
    if isinstance(error, HttpProcessingError) and "HTTPS" in error.message:
        return status, "this port speaks HTTP, not HTTPS"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return status, "malformed HTTP request"
    return status, "the request failed for a reason inside this service; its log has it"


class Malformed(logging.Filter):
    """One short line for what is not HTTP, and not for each: anybody can send any number of it."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = Sparing()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        unlogged = self._sparing.admit(asyncio.get_running_loop().time())
        if unlogged is None:
            return False
        record.msg = "malformed HTTP request, from %s"
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        if unlogged:
            record.unlogged = unlogged
        return True
