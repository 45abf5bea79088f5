"""Commands that show how a running service does, and set right what went wrong on the way in."""
