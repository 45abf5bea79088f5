"""``make prove``: every claim as a line - name, figure, bound, ok or short.

``python -m benchmarks.prove NAME`` runs one proof. Exit code 1 when any line is short.
"""

import asyncio
import importlib
import sys
import time
import traceback

PROOFS = (
    "race",
    "order",
    "model",
    "cases",
    "kill",
    "processes",
    "damage",
    "audit",
    "bombs",
    "overload",
    "durable",
    "managed",
    "sentinel",
    "cluster",
    "system",
    "storm",
    "small",
    "agenda",
    "clocks",
    "meaning",
    "ledger",
    "review",
    "slack-actions",
    "slack-limits",
    "slack-screens",
    "systems",
    "seeds",
    "seed-commands",
    "runbooks",
    "enrichment",
    "dashboards",
    "status-page",
    "open-tab",
    "console",
    "pages",
    "api",
    "cli",
    "login",
    "roles",
    "abuse",
    "steps",
    "lists",
    "many",
    "flat",
    "million",
    "ingest",
    "fresh",
)


def _prove(name: str) -> bool:
    """Run one proof and print its lines; return whether all of them hold."""
    good = True
    started = time.monotonic()

    def report(what: str, figure: str, bound: str, ok: bool, *, timed: bool = False) -> None:  # noqa: ARG001, FBT001 - a table's column
        """``timed``: the bound is one of time, which the tests leave to this program."""
        nonlocal good
        good = good and ok
        took = f"{time.monotonic() - started:6.1f} s"
        print(
            f"{name:<13} {what:<46} {figure:<28} {bound:<22} {'ok' if ok else 'SHORT':<6}{took}",
            flush=True,
        )

    try:
        proof = importlib.import_module(f"benchmarks.proofs.{name.replace('-', '_')}")
        asyncio.run(proof.run(report))
    except Exception as error:  # noqa: BLE001 - one proof that breaks must not hide the others
        traceback.print_exc()
        report("could not be shown", type(error).__name__, "", False)
    return good


def main() -> int:
    """Run the proofs named on the command line, or all."""
    names = sys.argv[1:] or list(PROOFS)
    unknown = [name for name in names if name not in PROOFS]
    if unknown:
        print(
            f"no proof named {', '.join(unknown)}; available: {', '.join(PROOFS)}", file=sys.stderr
        )
        return 2
    results = [_prove(name) for name in names]
    print("all proofs hold" if all(results) else "SHORT: see above")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
