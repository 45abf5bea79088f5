"""What senders send: alerts, heartbeats, events of integrations, changes."""
