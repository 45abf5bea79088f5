"""PagerDuty, in and out: events, its webhooks, its on-call schedules."""
