"""What replicas and processes leave for each other: whose turn it is, and what came of a try."""
