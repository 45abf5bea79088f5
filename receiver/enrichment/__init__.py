"""What is found out about an incident beside its alerts, after the page and never before it."""
