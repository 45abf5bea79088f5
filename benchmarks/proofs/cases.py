"""Small inputs with their right values, of what people reported of systems of this kind.

Each is a test of the service itself; here they run by name, and one that is gone or left out is
short. Only Slack and PagerDuty are fakes: Alertmanager is the real one.
"""

from collections.abc import Callable

from benchmarks.proofs.pytest_run import run_by_name

NAME = "cases"
CASES: dict[str, tuple[tuple[str, str], ...]] = {
    "an end whose start is earlier than the firing's": (
        (
            "tests/scenarios/test_intervals.py",
            "test_an_end_of_a_copy_that_began_earlier_is_the_end",
        ),
    ),
    "it fires again, with an earlier start": (
        (
            "tests/scenarios/test_intervals.py",
            "test_a_firing_copy_of_a_clock_set_back_pages_within_the_echo_window",
        ),
    ),
    "a clock that was an hour ahead": (
        (
            "tests/scenarios/test_intervals.py",
            "test_the_end_of_a_clock_that_was_ahead_swallows_nothing",
        ),
    ),
    "a newer text with an earlier start": (
        (
            "tests/scenarios/test_intervals.py",
            "test_the_newest_notification_is_shown_whatever_its_start",
        ),
    ),
    "a pair of Prometheis, a real Alertmanager": (
        (
            "tests/system/test_alertmanager_joins.py",
            "test_the_half_that_saw_it_first_reports_it_last_and_it_ends",
        ),
    ),
    "one late copy of a peer of Alertmanager": (
        (
            "tests/scenarios/test_intervals.py",
            "test_a_late_copy_of_a_peer_waits_for_the_peer_and_then_counts",
        ),
    ),
    "a critical that comes and goes by a warning": (
        (
            "tests/unit/routing/test_flapping.py",
            "test_a_critical_that_comes_and_goes_beside_a_warning_is_held_after_five_changes",
        ),
        (
            "tests/scenarios/test_life.py",
            "test_a_critical_that_comes_and_goes_beside_a_warning_is_held_at_p1",
        ),
    ),
    "one alert by two routes": (
        (
            "tests/unit/alertmanager/test_check_alertmanager.py",
            "test_one_alert_that_comes_by_two_routes",
        ),
        (
            "tests/scenarios/test_shared_alerts.py",
            "test_the_same_alert_by_two_routes_is_said_and_the_merge_helps",
        ),
    ),
    "links, forms and redirects below a path": (
        (
            "tests/scenarios/test_base_url.py",
            "test_every_link_form_and_asset_is_reached_through_the_proxy",
        ),
        ("tests/scenarios/test_base_url.py", "test_nothing_that_is_posted_is_led_elsewhere"),
        ("tests/scenarios/test_base_url.py", "test_without_the_last_slash_what_was_asked_stays"),
        ("tests/scenarios/test_base_url.py", "test_what_two_settings_mean"),
    ),
    "nulls of Grafana": (
        ("tests/scenarios/test_intervals.py", "test_nulls_of_grafana_are_no_times"),
    ),
    "a resolve at its own start, a resolve alone": (
        (
            "tests/scenarios/test_intervals.py",
            "test_a_resolve_at_its_own_start_and_a_resolve_alone",
        ),
    ),
    "business hours over a change of the clocks": (
        ("tests/unit/cli/test_explain.py", "test_business_hours_over_a_change_of_the_clocks"),
    ),
    "a silence for odd labels, a real Alertmanager": (
        ("tests/system/test_silences.py", "test_an_incident_is_silenced_whatever_its_labels_hold"),
    ),
}
"""What is shown -> the tests that show it, as file and function."""
Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Report each case: how many of its tests (with each of their inputs) hold."""
    named = {what: ["::".join(test) for test in tests] for what, tests in CASES.items()}
    outcomes, output = await run_by_name(*(name for names in named.values() for name in names))
    good = True
    for what, names in named.items():
        found = [outcomes.get(name, []) for name in names]
        every = [outcome for one in found for outcome in one]
        held = every.count("passed")
        ok = all(found) and held == len(every)
        good = good and ok
        report(what, f"{held} of {len(every)} hold", "all", ok)
    if not good:
        print(output)
