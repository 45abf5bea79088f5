"""The monitored systems: one file each says what is alerted on, and all else follows from it.

``python -m systems`` writes rules, their unit tests, runbooks and docs/systems.md; ``--check`` says
which of them are not up to date.
"""
