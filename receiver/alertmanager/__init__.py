"""Alertmanager as we ask it: which alerts fire, silences, what its configuration sends here."""
