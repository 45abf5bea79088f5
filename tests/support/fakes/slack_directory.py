"""Who and what there is in the fake's workspace: channels, people, user groups."""

from collections.abc import Callable

from tests.support.fakes.server import Json
from tests.support.fakes.slack_messages import BOT_ID, BOT_USER, TEAM
from tests.support.fakes.slack_requests import RefusedError


class Directory:
    """Channels and users (id -> name), e-mail addresses, user groups, and methods that tell them.

    ``archived`` channels take nothing; of those ``outside`` the bot is no member.
    """

    def __init__(self, channels: dict[str, str], users: dict[str, str]) -> None:
        self.channels = channels
        self.users = users
        self.emails: dict[str, str] = {}
        self.groups: dict[str, list[str]] = {}
        self.archived: set[str] = set()
        self.outside: set[str] = set()
        self.methods: dict[str, Callable[[Json], Json]] = {
            "auth.test": self._auth_test,
            "users.info": self._users_info,
            "users.lookupByEmail": self._users_lookup_by_email,
            "usergroups.users.list": self._usergroup_users,
            "usergroups.list": self._usergroups,
            "conversations.info": self._info,
        }

    def _channel(self, wanted: str) -> str:
        """Return the id of a channel given by id, name or #name."""
        if wanted in self.channels:
            return wanted
        for channel, name in self.channels.items():
            if wanted.removeprefix("#") == name:
                return channel
        raise RefusedError("channel_not_found")

    def _channel_id(self, args: Json) -> str:
        if args.get("channel") not in self.channels:
            raise RefusedError("channel_not_found")
        return str(args["channel"])

    def _auth_test(self, args: Json) -> Json:
        return {
            "url": "https://fake.slack.com/",
            "team": TEAM["domain"],
            "team_id": TEAM["id"],
            "user": "incidents",
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    def _users_info(self, args: Json) -> Json:
        name = self.users.get(str(args.get("user", "")))
        if name is None:
            raise RefusedError("user_not_found")
        profile = {"real_name": name.title(), "display_name": name}
        email = next((mail for mail, of in self.emails.items() if of == args["user"]), None)
        profile |= {"email": email} if email else {}
        user = {"id": args["user"], "name": name, "real_name": name.title(), "profile": profile}
        return {"user": user}

    def _users_lookup_by_email(self, args: Json) -> Json:
        user = self.emails.get(str(args.get("email", "")))
        if user is None:
            raise RefusedError("users_not_found")
        return self._users_info({"user": user})

    def _usergroups(self, _args: Json) -> Json:
        groups = [{"id": name, "handle": name.lower()} for name in self.groups]
        return {"usergroups": groups}

    def _info(self, args: Json) -> Json:
        channel = self._channel_id(args)
        name = self.channels[channel]
        return {
            "channel": {
                "id": channel,
                "name": name,
                "is_archived": channel in self.archived,
                "is_private": channel.startswith("G"),
                "is_member": channel not in self.outside,
            }
        }

    def _usergroup_users(self, args: Json) -> Json:
        users = self.groups.get(str(args.get("usergroup", "")))
        if users is None:
            raise RefusedError("no_such_subteam")
        return {"users": users}
