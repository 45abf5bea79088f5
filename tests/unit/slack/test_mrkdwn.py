"""Texts as Slack parses them: whom a mention rings, and what is shown as it is."""

import pytest

from receiver.slack.mrkdwn import mention


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("!here", "<!here>"),
        ("!subteam^S0123ABCD", "<!subteam^S0123ABCD>"),
        ("@U0123ABCD", "<@U0123ABCD>"),
        ("@W0123ABCD", "<@W0123ABCD>"),
        # Whoever acknowledged in PagerDuty has an id there, which is nobody's here.
        ("@PXPGF42", ""),
        ("@", ""),
        ("@u0123abcd", ""),
        ("@U0123ABCD> <!channel", ""),
    ],
)
def test_a_mention_rings_those_that_slack_knows(text: str, shown: str) -> None:
    assert mention(text) == shown
