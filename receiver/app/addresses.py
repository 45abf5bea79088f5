"""The addresses that the commands of runbooks name, as this service knows them."""

from receiver.settings.model import Settings


def addresses_of(settings: Settings) -> dict[str, str]:
    """Return variable -> address; one that is not configured stays a variable for people to set.

    ``INCIDENT_MANAGER_URL`` is also where the command line finds the service.
    """
    found = {"INCIDENT_MANAGER_URL": settings.web.base_url}
    if settings.alertmanagers:
        found["ALERTMANAGER_URL"] = settings.alertmanagers[0].urls[0].rstrip("/")
    if settings.enrichment.prometheus.url is not None:
        found["PROMETHEUS_URL"] = settings.enrichment.prometheus.url.rstrip("/")
    return found
