"""What people do to incidents, asked for by API, Slack, console or command line."""
