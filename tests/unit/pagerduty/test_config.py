"""The configuration of PagerDuty: what is allowed, and that nothing secret is shown."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from receiver.pagerduty.config import PagerDutyConfig

KEY = "0123456789abcdef0123456789abcdef"
SECRETS = ("webhook_secret", "webhook_secret_previous", "rest_token")


def config(**given: Any) -> PagerDutyConfig:
    return PagerDutyConfig.model_validate(given)


def test_nothing_is_configured_by_default_and_pagerduty_is_where_it_is() -> None:
    found = config()
    assert (found.routing_key, found.escalation_policy) == (None, None)
    assert [getattr(found, name) for name in SECRETS] == [None] * 3
    assert (found.base_url, found.rest_url) == (
        "https://events.pagerduty.com",
        "https://api.pagerduty.com",
    )


@pytest.mark.parametrize("name", ["routing_key", "escalation_policy", *SECRETS])
def test_an_empty_text_is_none(name: str) -> None:
    assert getattr(config(**{name: ""}), name) is None


@pytest.mark.parametrize("name", ["base_url", "rest_url"])
def test_a_slash_at_the_end_of_an_address_is_left_out(name: str) -> None:
    for written in ("http://eu.example/x", "http://eu.example/x/", "http://eu.example/x//"):
        assert getattr(config(**{name: written}), name) == "http://eu.example/x"


@pytest.mark.parametrize(
    "url",
    ["", "eu.example", "ftp://eu.example", "http://", "http://ann:pw@eu.example", "http://a b/",
     "http://eu.example/?a=b", "http://eu.example/#x", "http://eu.example:port/", 7],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_it(url: object) -> None:
    with pytest.raises(ValidationError) as error:
        config(rest_url=url)
    (problem,) = error.value.errors()
    assert problem["loc"] == ("rest_url",)
    assert "ann:pw" not in problem["msg"]


@pytest.mark.parametrize("policy", ["P1ABC2D", "ABCDE", "A" * 20])
def test_an_escalation_policy_is_named_by_its_id(policy: str) -> None:
    assert config(escalation_policy=policy).escalation_policy == policy


@pytest.mark.parametrize("policy", ["SRE", "ABCD", "A" * 21, "p1abc2d", "P1 BC2D", "P1ABC2D\n", 7])
def test_the_name_of_a_policy_is_not_its_id(policy: object) -> None:
    with pytest.raises(ValidationError):
        config(escalation_policy=policy)


@pytest.mark.parametrize("key", [KEY[:-1], f"{KEY}0", f" {KEY}", "x" * 20])
def test_a_routing_key_that_cannot_be_one_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ValidationError) as error:
        config(routing_key=key)
    assert key not in str(error.value.errors(include_input=False, include_context=False))


def test_secrets_are_never_shown() -> None:
    found = config(routing_key=KEY, **dict.fromkeys(SECRETS, "hidden-secret"))
    assert found.routing_key == SecretStr(KEY)
    for text in (repr(found), str(found), found.model_dump_json()):
        assert "hidden-secret" not in text
        assert KEY not in text


def test_what_there_is_no_such_thing_of_is_refused() -> None:
    with pytest.raises(ValidationError, match="rooting_key"):
        config(rooting_key=KEY)
