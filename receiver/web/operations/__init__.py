"""What runs the service day by day: dead letters, heartbeats, silences, notifiers, agenda."""
