"""The gauges of how this process and its store are: each set to what was last found."""

from collections.abc import Iterable, Mapping

from receiver.observability.metrics.family import Key
from receiver.observability.metrics.series import Bound
from routing.vocabulary import Lane


class Gauges:
    """Sets gauges. What is counted and timed is in ``registry``, as is the page."""

    def __init__(self, families: Mapping[str, Bound]) -> None:
        self._families = families
        self._requests_refused: dict[str, int] = {}

    def set_notifiers(self, up: Mapping[str, bool]) -> None:
        """Set whether each notifier works, as far as this replica tried."""
        for channel, works in up.items():
            self._families["incident_manager_notifier_up"][(channel,)](float(works))

    def set_active(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Set the open incidents by (severity, state, priority); what is not given is none."""
        active = self._families["incidents_active"]
        totals: dict[Key, int] = dict.fromkeys(active, 0)
        for key, number in counts.items():
            clean = active.clean(key)
            totals[clean] = totals.get(clean, 0) + number
        for clean, number in totals.items():
            active[clean](number)

    def set_agenda(
        self, entries: Mapping[Lane, int], due: int, delays: Mapping[Lane, float] = {}
    ) -> None:
        """Set the agenda's entries by lane, how many of all are due, and for how long (s)."""
        for lane in Lane:
            self._families["incident_manager_agenda_entries"][(lane,)](entries.get(lane, 0))
            self._families["incident_manager_agenda_delay_seconds"][(lane,)](delays.get(lane, 0))
        self._families["incident_manager_processing_queue_size"][()](due)

    def set_put_off(self, number: int) -> None:
        """Set how many entries of the agenda lie further ahead than their kind allows."""
        self._families["incident_manager_agenda_put_off_entries"][()](number)

    def set_clock(self, redis: int, machine: int, behind: int) -> None:
        """Set by how much (ms) other clocks are ahead of ours, and how far it is behind."""
        offsets = self._families["incident_manager_clock_offset_seconds"]
        offsets[("redis",)](redis / 1000)
        offsets[("machine",)](machine / 1000)
        self._families["incident_manager_clock_behind_seconds"][()](behind / 1000)

    def set_pool(self, pool: str, in_use: int, most: int) -> None:
        """Set how many connections of a pool are in use, of how many."""
        family = self._families["incident_manager_connection_pool_connections"]
        family[(pool, "in_use")](in_use)
        family[(pool, "max")](most)

    def set_connections(self, port: str, in_use: int, most: int) -> None:
        """Set how many connections a port of ours has, of how many."""
        family = self._families["incident_manager_connections"]
        family[(port, "in_use")](in_use)
        family[(port, "max")](most)

    def set_requests(self, lane: str, in_flight: int, refused: int) -> None:
        """Set how many requests of a lane are being answered, and were refused since the start."""
        self._families["incident_manager_requests_in_flight"][(lane,)](in_flight)
        done = self._requests_refused.get(lane, 0)
        self._families["incident_manager_requests_refused_total"][(lane,)](refused - done)
        self._requests_refused[lane] = refused

    def set_listen_overflows(self, number: int) -> None:
        """Set how many connections the system dropped before they were accepted."""
        self._families["incident_manager_listen_overflows"][()](number)

    def set_breaker(self, channel: str, state: str) -> None:
        """Set the state of an integration's circuit breaker (``CircuitBreaker.state``)."""
        family = self._families["incident_manager_circuit_breaker_open"]
        family[(channel,)](state != "closed")

    def set_cache(self, cache: str, shown: Mapping[str, float | None]) -> None:
        """Set what a cache says of itself (``RecordCache.shown``)."""
        prefix = "incident_manager_cache"
        self._families[f"{prefix}_entries"][(cache,)](shown["entries"] or 0)
        self._families[f"{prefix}_size_bytes"][(cache,)](shown["size_bytes"] or 0)
        self._families[f"{prefix}_hit_rate"][(cache,)](shown["hit_rate"] or 0)
        if cache == "enrichment":
            # Before the first question nothing was missed, and a rate of 0 would be an alarm.
            rate = 1.0 if shown["hit_rate"] is None else shown["hit_rate"]
            self._families["incident_manager_enrichment_cache_hit_rate"][()](rate)

    def set_storage(self, used: int, most: int) -> None:
        """Set how many bytes Redis uses, of how many (0: no limit)."""
        self._families["incident_manager_storage_used_bytes"][()](used)
        self._families["incident_manager_storage_max_bytes"][()](most)

    def set_disk(self, free: int, total: int) -> None:
        """Set how many bytes of the embedded server's disk are free."""
        family = self._families["incident_manager_disk_bytes"]
        family[("free",)](free)
        family[("total",)](total)

    def set_durability(self, level: str) -> None:
        """Set how durable the server is (``store.durability.Level``)."""
        family = self._families["incident_manager_durability"]
        for key in list(family):
            family[key](key[0] == level)

    def set_processes(self, running: int, wanted: int) -> None:
        """Set how many processes of the service answer on its ports, of how many."""
        family = self._families["incident_manager_processes"]
        family[("running",)](running)
        family[("wanted",)](wanted)

    def set_certificate(self, port: str, ends: int) -> None:
        """Set when (ms) the certificate of a port expires."""
        family = self._families["incident_manager_certificate_expiry_timestamp_seconds"]
        family[(port,)](ends / 1000)

    def set_loop_lag(self, seconds: float) -> None:
        """Set how long the event loop was held at most within the last minute."""
        self._families["incident_manager_event_loop_lag_seconds"][()](seconds)

    def set_conditions(self, present: Iterable[str]) -> None:
        """Set what is wrong (``conditions.Subject``); what is not given is well."""
        family = self._families["incident_manager_condition"]
        wrong = set(present)
        for key in list(family):
            family[key](key[0] in wrong)

    def set_damaged(self, counts: Mapping[str, int]) -> None:
        """Set how much cannot be read, by kind; what is not given is none."""
        family = self._families["incident_manager_damaged_records"]
        for key in list(family):
            family[key](counts.get(key[0], 0))

    def set_redis_up(self, *, up: bool) -> None:
        """Say whether a commit worked; while none does, gauges from Redis keep their last value."""
        self._families["incident_manager_redis_up"][()](up)

    def set_reloaded(self, *, successful: bool, now: int) -> None:
        """Note an attempt to load the configuration at ``now`` (ms since the epoch)."""
        prefix = "incident_manager_config_last_reload_success"
        self._families[f"{prefix}ful"][()](successful)
        if successful:
            self._families[f"{prefix}_timestamp_seconds"][()](now / 1000)
