"""Grafana dashboards of the monitored systems, as code. ``make dashboards`` writes them."""
