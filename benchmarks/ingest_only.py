"""The service without its agenda: what taking webhooks in costs, and nothing else."""

from receiver.__main__ import main
from receiver.app import service as app
from receiver.engine.agenda import Agenda


class _Idle(Agenda):
    """Claims nothing."""

    def start(self) -> None:
        """Leave everything on the agenda."""


if __name__ == "__main__":
    app.Agenda = _Idle  # type: ignore[misc]
    main()
