"""Variables that look like settings, asked of the check itself."""

import pytest

from receiver.settings.check_unused import given_in
from receiver.settings.check_variables import misspelt


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LLM_IM_SLACK_TOKEN", "LLM_IM__SLACK__TOKEN"),
        ("LLM_IM_SLACK__TOKEN", "LLM_IM__SLACK__TOKEN"),
        ("LLM-IM-WEB_LISTEN_ADDRESS", "LLM_IM__WEB__LISTEN_ADDRESS"),
        ("LLMIM_REDIS_URL", "LLM_IM__REDIS__URL"),
        ("llm_im_redis_url", "LLM_IM__REDIS__URL"),
    ],
)
def test_a_setting_that_was_meant_is_named(name: str, meant: str) -> None:
    (found,) = misspelt({name: "x"})
    assert found.variable == name
    assert found.meant
    assert f"did you mean {meant}?" in found.words


def test_a_section_that_was_nearly_written_is_named() -> None:
    (found,) = misspelt({"LLM_IM_SLAK_TOKEN": "x"})
    assert not found.meant
    assert "did you mean LLM_IM__SLACK__...?" in found.words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_IM__SLACK__TOKEN", "x"),
        ("PATH", "/bin"),
        ("LLM_IM_SERVICE_HOST", "10.0.0.1"),
        ("LLM_IM_REDIS_SERVICE_PORT", "6379"),
        ("LLM_IM_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("LLM_IM_PORT", "tcp://10.0.0.1:8080"),
    ],
)
def test_what_is_read_or_of_kubernetes_is_not_spoken_of(name: str, value: str) -> None:
    assert list(misspelt({name: value})) == []


def test_what_is_written_is_found_whatever_the_case_of_a_priority() -> None:
    given = given_in({"priorities": {"p1": {"acknowledge_within": "5m"}}, "list": [{"a": None}]})
    assert given(("priorities", "P1", "acknowledge_within"))
    assert given(("list", 0))
    for place in (("list", 0, "a"), ("list", 1), ("list", "x"), ("none",), ("priorities", "P2")):
        assert not given(place)
    assert not given_in(None)(("a",))
