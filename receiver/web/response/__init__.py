"""The response: how fast incidents are answered and ended, of what, by whom, and when."""
