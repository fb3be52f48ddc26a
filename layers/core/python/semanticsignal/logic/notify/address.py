"""Where messages go at Discord, by the secrets that say so: whether they can be such, and what may be said of them."""

import re
from hashlib import sha256
from typing import NamedTuple

from ...domain.secrets import CHANNEL, TOKEN, WEBHOOK

NUMBERED = re.compile(r"/webhooks/(\d+)/")
NAME_DIGITS = 16


class Place(NamedTuple):
    """`by`: in words, without a secret. `name`: the same for ever for one webhook or channel, whatever its token."""

    by: str
    name: str


def wrong(webhook: str, token: str, channel: str) -> str:
    """Why they can be neither a webhook nor a bot with a channel; empty where they can. It holds none of them."""
    if webhook:
        is_one = re.fullmatch(WEBHOOK, webhook, re.ASCII)
        return "" if is_one else "DISCORD_WEBHOOK_URL is the address of a webhook, https://discord.com/api/webhooks/…/…"
    if re.fullmatch(TOKEN, token, re.ASCII) and re.fullmatch(CHANNEL, channel, re.ASCII):
        return ""
    return "BOT_TOKEN_DISCORD is a bot's token, three parts with dots between, MAIN_CHANNEL_ID the number of a channel"


def place(webhook: str, channel: str) -> Place:
    """Of secrets that can be such."""
    numbered = NUMBERED.search(webhook)
    what = f"webhook {numbered[1] if numbered else webhook.rpartition('/')[0]}" if webhook else f"channel {channel}"
    name = sha256(what.encode()).hexdigest()[:NAME_DIGITS]
    return Place("a webhook" if webhook else f"a bot in channel {channel}", name)
