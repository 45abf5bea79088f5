"""What sections demand of each other, asked of the check itself."""

from typing import Any

import pytest

from receiver.http.config import hash_of
from tests.support.settings import completed, said, usable

STRONG = "b3c1f7c0a9d84e52b6f0" * 2
HASH = "sha256:" + "0" * 64


def test_settings_of_nothing_are_usable_and_have_what_is_usual() -> None:
    settings = usable()
    assert list(settings.notifiers) == ["log"]
    assert {"P1", "P2", "P3", "P4"} == set(settings.priorities)
    assert all(config.escalation for config in settings.priorities.values())
    assert "default" in settings.calendars


@pytest.mark.parametrize(
    ("sections", "place", "words"),
    [
        (
            {"web": {"listen_address": "0.0.0.0:8080"}},
            "web.listen_address",
            "can be reached by others and no credentials are configured",
        ),
        (
            {"web": {"credentials": [{"name": "a", "token": "one"}, {"name": "a", "token": "2"}]}},
            "web.credentials.1",
            "a second credential is named a",
        ),
        (
            {"web": {"credentials": [{"name": n, "token": STRONG} for n in "ab"]}},
            "web.credentials.1",
            "the same secret as another credential",
        ),
        (
            {"web": {"credentials": [{"name": n, "token_hash": HASH} for n in "ab"]}},
            "web.credentials.1",
            "the same secret as another credential",
        ),
        (
            {
                "web": {
                    "credentials": [
                        {"name": "a", "role": "sender", "token_hash": HASH, "act_as": True}
                    ]
                }
            },
            "web.credentials.0.act_as",
            "a sender does nothing in anybody's name",
        ),
        (
            {
                "web": {
                    "credentials": [
                        {"name": "a", "role": "viewer", "token_hash": HASH, "cluster": "prod"}
                    ]
                }
            },
            "web.credentials.0.cluster",
            "the role viewer sends no alerts",
        ),
        ({"redis": {"wait_replicas": 1}}, "redis.wait_replicas", "only with redis.url"),
        ({"redis": {"accept_loss": True}}, "redis.accept_loss", "only with redis.url"),
        (
            {"redis": {"url": "redis://r", "accept_loss": True, "durability": "assured"}},
            "redis.accept_loss",
            "contradicts redis.durability: assured",
        ),
        ({"runbooks": {"path": "/no/such/folder"}}, "runbooks.path", "is not a folder"),
        (
            {"pagerduty": {"escalation_policy": "P123456"}},
            "pagerduty.rest_token",
            "needed with escalation_policy",
        ),
        (
            {"integrations": {"log": {"url": "https://x.example/hook"}}},
            "integrations.log.url",
            "log is a notifier already",
        ),
        (
            {"escalations": {"own": {"steps": [{"notify": ["nobody"]}]}}},
            "escalations.own.steps.0.notify",
            "nobody",
        ),
        ({"priorities": {"P1": {"escalation": "none"}}}, "priorities.P1.escalation", "none"),
        ({"route": {"escalation": "none"}}, "route.escalation", "none"),
    ],
)
def test_what_contradicts_itself_is_said_with_its_place(
    sections: dict[str, Any], place: str, words: str
) -> None:
    problems = dict(said(completed(**sections)[1]))
    assert place in problems
    assert words in problems[place] or words in str(completed(**sections)[1])


def test_a_token_and_its_hash_are_the_same_secret() -> None:
    entries = [
        {"name": "plain", "token": STRONG},
        {"name": "hashed", "token_hash": hash_of(STRONG)},
    ]
    assert said(completed(web={"credentials": entries})[1]) == [
        ("web.credentials.1", "the same secret as another credential, so neither tells who it is")
    ]
