"""What people do in Slack: buttons, modals, the slash command, the App Home."""
