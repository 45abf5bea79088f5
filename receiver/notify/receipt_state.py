"""What a kind of notifier keeps in its receipts beside what all of them have."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from routing.receipt import Receipt, merge_receipts

S = TypeVar("S", bound=msgspec.Struct)


class ReceiptState(Generic[S]):
    """Reads, joins and shows the state of a receipt; ``kind``: its shape."""

    def __init__(self, kind: type[S]) -> None:
        self._kind = kind

    def of(self, receipt: Receipt) -> S:
        """Return the state; msgspec.ValidationError when it is none."""
        return msgspec.convert(receipt.state, type=self._kind)

    def put(self, receipt: Receipt, state: S, **fields: Any) -> Receipt:
        """Return the receipt with another state, and other fields."""
        # As it is read back: a tuple would be another value than the list that comes of it.
        plain = msgspec.json.decode(msgspec.json.encode(state))
        return msgspec.structs.replace(receipt, state=plain, **fields)

    def reads(self, receipt: Receipt) -> bool:
        """Return whether the state can be read: if not, it has to be found out."""
        try:
            self.of(receipt)
        except msgspec.ValidationError:
            return False
        return True

    def merge(self, stored: Receipt, ours: Receipt) -> Receipt:
        """Join a receipt with one that somebody else saved meanwhile, if that one can be read."""
        merged = merge_receipts(stored, ours)
        return self._join(stored, ours, merged) if self.reads(stored) else merged

    def _join(self, stored: Receipt, ours: Receipt, merged: Receipt) -> Receipt:  # noqa: ARG002
        """Return ``merged`` with the state of both; ours is in it already."""
        return merged

    def shown(self, receipt: Receipt) -> dict[str, Any]:  # noqa: ARG002 - nothing to show here
        """Return what the API shows of it."""
        return {}


class Nothing(msgspec.Struct, frozen=True):
    """The state of a notifier that keeps none."""


NO_STATE = ReceiptState(Nothing)


class _HasState(Protocol):
    @property
    def state(self) -> ReceiptState[Any]: ...


def shown_by(notifiers: Mapping[str, _HasState]) -> Callable[[str, Receipt], dict[str, Any]]:
    """Return what shows a receipt of a notifier by its name; {} of one that is gone, or damaged."""

    def shown(name: str, receipt: Receipt) -> dict[str, Any]:
        state = notifiers[name].state if name in notifiers else NO_STATE
        return state.shown(receipt) if state.reads(receipt) else {}

    return shown
