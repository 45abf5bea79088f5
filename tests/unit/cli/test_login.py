"""``incident-manager login``: hashes that a configuration takes."""

import json

import pytest
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.http.config import CredentialConfig
from receiver.login.passwords import Passwords
from tests.support.logins import PASSWORD


def _hash(*words: str, given: str = PASSWORD + "\n") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["login", "hash", *words], input=given)
    return result.exit_code, result.output


async def test_what_it_prints_is_an_entry_that_the_password_opens() -> None:
    code, output = _hash("ann", "--role", "viewer", "--expires", "2999-01-31", "-o", "json")
    assert code == 0
    assert PASSWORD not in output
    entry = CredentialConfig.model_validate(json.loads(output)["credential"])
    passwords = Passwords([entry])
    assert await passwords.check("ann", PASSWORD) == entry
    passwords.close()
    code, output = _hash("ann", "--role", "admin")
    assert '"username": "ann"' in output


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (("ann", "--role", "viewer"), "short\n", "5 characters; allowed: 12 to 1,000"),
        (("ann", "--role", "viewer"), "", "0 characters"),
        (("ann", "--role", "viewer"), "x" * 1_001 + "\n", "1001 characters"),
        (("ann smith", "--role", "viewer"), PASSWORD, "a name has 1 to 64 letters"),
        (("ann", "--role", "sender"), PASSWORD, "'sender' is not one of"),
        (("ann",), PASSWORD, "Missing option '--role'"),
        (("ann", "--role", "viewer", "--expires", "soon"), PASSWORD, "must be a day"),
    ],
)
def test_what_nobody_could_log_in_with_is_refused(
    words: tuple[str, ...], given: str, said: str
) -> None:
    code, output = _hash(*words, given=given)
    assert code != 0
    assert said in output
