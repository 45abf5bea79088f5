"""Secrets that nobody can have meant, and passwords that only look a little like that."""

from pathlib import Path

import pytest

from receiver.settings.check_secrets import Secret, check_shape

PLACE = ("web", "credentials", 0, "password")
LEFT_OVER = "a placeholder that nothing has replaced"
HINT = "; variables are not read inside values: set LLM_IM__SECTION__KEY, or a ..._file"


def said(text: str, file: Path | None = None) -> list[str]:
    found = list(check_shape(Secret(PLACE, text, file)))
    assert all(one.path == PLACE for one in found)
    return [one.message for one in found]


@pytest.mark.parametrize(
    "text",
    [
        *("${TOKEN}", "${token}", "${a.b}", "${}", "${TOKEN:-none}", " ${token}\n"),
        *("$(TOKEN)", "$(cat /run/secrets/token)", "$TOKEN", "$token", "${{ secrets.TOKEN }}"),
        # Amid other text.
        *("xoxb-${TOKEN}", "${A}${B}", "a${TOKEN:?is not set}b", "a${TOKEN:-${OTHER}}b"),
        *("a$(TOKEN)b", "a${_X1}b"),
        # In an address no brace can stand as it is.
        *("redis://:${password}@h", "https://h/${id}", "redis://:$(password)@h"),
    ],
)
def test_a_variable_that_nothing_replaced_is_refused_with_what_to_do(text: str) -> None:
    assert said(text) == [LEFT_OVER + HINT]
    assert said(text, Path("/run/secrets/token")) == [LEFT_OVER + HINT]


@pytest.mark.parametrize(
    "text", ["<your token>", "%TOKEN%", "{{ token }}", "xoxb-{{ .Values.token }}"]
)
def test_so_is_what_is_none_of_a_shell(text: str) -> None:
    assert said(text) == [LEFT_OVER]


@pytest.mark.parametrize(
    "text",
    [
        *("a${x}b", "Zk${9!}q", "a${b c}d", "${x}y", "x${y}", "p${}w", "a${Token}b", "${A b}c"),
        *(
            "a$(x)b",
            "$(x)y",
            "q$(1)",
            "a$TOKENb",
            "a<b>c",
            "50%off%",
            "{{",
            "a$b",
            "$",
            "${",
            "a{b}",
        ),
    ],
)
def test_a_password_may_have_what_is_no_variable(text: str) -> None:
    assert said(text) == []
