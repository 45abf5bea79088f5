"""The service without its agenda: what taking webhooks in costs, and nothing else."""

from unittest import mock

from receiver.cli.root import main
from receiver.engine.agenda import Agenda


class _Idle(Agenda):
    """Claims nothing."""

    def start(self) -> None:
        """Leave everything on the agenda."""


if __name__ == "__main__":
    with mock.patch("receiver.app.service.Agenda", _Idle):
        main()
