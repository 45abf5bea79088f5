"""The review of an incident after it: what happened, when, and what it says of the response."""
