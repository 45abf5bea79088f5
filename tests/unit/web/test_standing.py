"""/health of several processes: what is wrong anywhere is said, and keeps no other from work."""

from receiver.conditions import Condition, Subject
from receiver.web.standing import Standing, together


def standing(number: int, *problems: Subject, **parts: str) -> Standing:
    conditions = [Condition(subject, "it is so", 5, unready=True) for subject in problems]
    return Standing(number, conditions, {"redis": "ok", **parts}, {"slack": {"state": "untried"}})


def test_what_is_wrong_with_another_is_said_and_refuses_nothing_here() -> None:
    found = together(
        standing(1, Subject.STORE), [standing(2, Subject.STORE, Subject.CLOCK), standing(3)]
    )
    assert [(one.subject, one.problem, one.unready) for one in found.conditions] == [
        (Subject.STORE, "it is so", True),
        (Subject.CLOCK, "process 2: it is so", False),
    ]


def test_of_what_one_does_for_all_it_is_enough_that_one_has_it() -> None:
    own = standing(1, slack_socket="not connected", durability="a")
    found = together(own, [standing(2, slack_socket="ok", durability="ok")])
    assert found.components == {"redis": "ok", "slack_socket": "ok", "durability": "a"}


def test_a_notifier_that_fails_anywhere_fails_and_one_that_works_was_tried() -> None:
    own, works, fails = standing(1), standing(2), standing(3)
    works.notifiers["slack"] = {"state": "ok"}
    fails.notifiers["slack"] = {"state": "failing", "problem": "x"}
    assert together(own, [works]).notifiers["slack"] == {"state": "ok"}
    assert together(own, [works, fails]).notifiers["slack"]["state"] == "failing"
