"""Slack's Web API as we call it."""
