"""What all processes counted, for whichever of them shows a page.

The last figures of a process that ended go on to count: what it counted after it last told them is
lost with it, as it is with a process that is alone, and no sum ever falls.
"""

from receiver.observability.metrics.whole import NOTHING, Figures, ended, together


class Totals:
    """Keeps the figures of each process, by a key of its own."""

    def __init__(self) -> None:
        self._last: dict[int, Figures] = {}
        self._gone = NOTHING

    def told(self, process: int, figures: Figures) -> None:
        """Take what a process shows."""
        self._last[process] = figures

    def end(self, process: int) -> None:
        """Go on to count what a process counted that has ended."""
        self._gone = ended(self._gone, self._last.pop(process, NOTHING))

    def whole(self, process: int) -> Figures:
        """Return what a process is to show for all."""
        others = [figures for one, figures in self._last.items() if one != process]
        return together(self._last[process], others, self._gone)
