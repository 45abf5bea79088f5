"""Slack as the place where incidents are worked: buttons, windows, commands, the App Home.

``http`` and ``socket`` bring requests in, ``front`` answers them, the same for both. What people
ask for becomes an event like any other; messages about incidents go out by the notifier alone.
"""
