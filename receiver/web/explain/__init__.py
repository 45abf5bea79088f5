"""Why: which route, priority and policy, who is told when."""
