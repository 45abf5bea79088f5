"""What a child answers its parent."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from receiver.aio.messages import Handler
from receiver.errors import ConfigError
from receiver.observability.metrics.whole import Figures
from receiver.web.standing import Standing

if TYPE_CHECKING:
    from receiver.app.service import Service

Answer = tuple[list[str], list[str], list[str]]


def answer_parent(
    service: "Service", stop: Callable[[bool], None], leave: Callable[[], None]
) -> None:
    """Answer from now on: ``stop(at once)`` ends this process, ``leave()`` as another replaces it.

    A parent that was killed ends its children: nobody would start another one in their place, and
    whoever starts the service again needs their ports.
    """

    async def stopped(now: Any) -> None:
        stop(bool(now))

    async def left(_body: Any) -> None:
        leave()

    async def figures(_body: Any) -> Figures:
        return await service.status.figures()

    async def standing(_body: Any) -> Standing:
        return await service.status.standing()

    async def reload(by: Any) -> Answer:
        try:
            later, warnings = await service.reload_here(str(by))
        except ConfigError as error:
            return list(error.problems), [], []
        return [], list(later), list(warnings)

    async def alive(_body: Any) -> None:
        pass

    handlers: dict[str, Handler] = {"stop": stopped, "leave": left, "figures": figures}
    handlers |= {"standing": standing, "reload": reload, "alive": alive}
    service.part.join(handlers, lambda: stop(True))
