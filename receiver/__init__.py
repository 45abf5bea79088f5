"""Touches the world: HTTP, Redis, Slack, PagerDuty and time."""
