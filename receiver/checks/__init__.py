"""What is looked at every day and every week, as commands: health, metrics, and the report."""
