"""Makes the parts of Slack that take requests from the settings."""

from collections.abc import Callable, Sequence
from typing import Any

from receiver.actions.open_incident import OpenIncident
from receiver.actions.perform import Actions
from receiver.clock import Clock
from receiver.engine.dispatcher import Dispatcher
from receiver.notify.notifier import Rejected
from receiver.review.load import Reviews
from receiver.settings.model import Settings
from receiver.slack.client.directory import PagerDutyId, SlackUsers
from receiver.slack.client.mentions import SlackPeople
from receiver.slack.client.web_api import SlackApi
from receiver.slack.config import SlackNotifierConfig
from receiver.slack.interactions.block_actions import BlockActions
from receiver.slack.interactions.permissions import Permissions
from receiver.slack.interactions.router import Router
from receiver.slack.interactions.slash_command import SlashCommand
from receiver.slack.interactions.socket_mode import SlackSocket
from receiver.slack.interactions.view_submissions import ViewSubmissions
from receiver.slack.interactions.workspace import Workspace
from receiver.store.daily_figures import FigureStore
from receiver.store.replicas.turns import Turns

TIMEOUT_S = 10.0


def build_router(  # noqa: PLR0913, PLR0917 - the parts it connects
    settings: Settings,
    dispatcher: Dispatcher,
    open_incident: OpenIncident,
    actions: Actions,
    figures: FigureStore,
    clock: Clock,
    on_call: Callable[[], Sequence[dict[str, Any]]],
    pagerduty_id: PagerDutyId,
    url: Callable[[str], str],
    reviews: Reviews,
) -> Router:
    """Return what answers Slack.

    ``on_call()`` is who is on call for each policy, ``pagerduty_id(email)`` as for ``SlackUsers``,
    ``url(incident id)`` its page in the console, of "" the list of all.
    """
    api = _api(settings)
    call = api.call if api is not None else _no_token
    users = SlackUsers(call, pagerduty_id)
    workspace = Workspace(
        dispatcher,
        Permissions(settings.permissions, users),
        api,
        settings.slack.base_url,
        clock,
        actions,
    )
    command = SlashCommand(
        workspace,
        open_incident,
        settings.slack.command,
        on_call,
        SlackPeople(call).mention,
        url,
    )
    submissions = ViewSubmissions(workspace, users, open_incident)
    return Router(
        workspace,
        BlockActions(workspace, reviews, url),
        submissions,
        command,
        figures,
        users,
        url(""),
    )


def build_socket(settings: Settings, router: Router, turns: Turns) -> SlackSocket | None:
    """Return the Socket Mode connection, None when it is not configured."""
    token = settings.slack.app_token
    if token is None:
        return None
    return SlackSocket(router, token.get_secret_value(), settings.slack.base_url, turns)


def _api(settings: Settings) -> SlackApi | None:
    """Return the API of the first token there is: an app has one in its workspace."""
    tokens = [settings.slack.token]
    tokens += [
        of.token for of in settings.notifiers.values() if isinstance(of, SlackNotifierConfig)
    ]
    token = next((token for token in tokens if token is not None), None)
    if token is None:
        return None
    return SlackApi(token.get_secret_value(), settings.slack.base_url, TIMEOUT_S)


async def _no_token(_method: str, **_arguments: Any) -> Rejected:
    return Rejected("slack.token is not configured")
