"""``make slack-screens``: what is sent to Slack, drawn by Chromium as Slack draws it.

The blocks are those of the product's own functions; only the frame around them is made here.
"""
