"""Every secret that there is: what one looks like, and in words; none is ever a setting."""

from dataclasses import dataclass

WORD = r"[\x21-\x7e]{16,512}"
# Discord's own, or one on this machine.
WEBHOOK = (
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{1,25}/[\w-]{20,200}"
    r"|http://(?:127\.0\.0\.1|localhost|\[::1\]):\d+/[\w/.-]{1,300}"
)
TOKEN, CHANNEL = r"[\w-]{16,100}\.[\w-]{4,20}\.[\w-]{16,100}", r"\d{15,22}"


@dataclass(frozen=True, slots=True)
class Secret:
    """`form`: the pattern of one. `is_hidden`: nothing may say it. `is_discord`: kept apart, for who tells people."""

    form: str
    words: str
    is_hidden: bool = True
    is_discord: bool = False


SECRETS = {
    "GOOGLE_STUDIO_API_KEY": Secret(WORD, "16 letters or more without a space"),
    "GOOGLE_STUDIO_PAID_API_KEY": Secret(WORD, "16 letters or more without a space"),
    "OPENROUTER_API_KEY": Secret(r"sk-or-[\x21-\x7e]{8,500}", "it begins with sk-or-"),
    "BLOCKRUN_WALLET_KEY": Secret(r"(0x)?[0-9a-fA-F]{64}", "64 hex digits"),
    "MODEL_API_KEY": Secret(r"[\x21-\x7e]{1,4096}", "letters without a space"),
    "CRYPTOCOMPARE_API_KEY": Secret(WORD, "16 letters or more without a space"),
    "COINGECKO_API_KEY": Secret(WORD, "16 letters or more without a space"),
    "DISCORD_WEBHOOK_URL": Secret(WEBHOOK, "https://discord.com/api/webhooks/…/…", is_discord=True),
    "BOT_TOKEN_DISCORD": Secret(TOKEN, "three parts with dots between", is_discord=True),
    "MAIN_CHANNEL_ID": Secret(CHANNEL, "about 18 digits", is_hidden=False, is_discord=True),
}  # fmt: skip
HIDDEN = tuple(name for name, secret in SECRETS.items() if secret.is_hidden)
# Its webhook; or a bot's token, and the channel that it writes into.
DISCORD = tuple(name for name, secret in SECRETS.items() if secret.is_discord)
