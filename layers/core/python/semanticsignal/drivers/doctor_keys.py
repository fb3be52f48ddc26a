"""Which secrets are set, where, and whether each has the form of one; none is ever shown, nor how long it is."""

import re

from ..domain.errors import InvalidSetting
from ..settings import secret, secret_origin
from .findings import Finding, State

WORD = r"[\x21-\x7e]{16,512}"
WEBHOOK = r"https://[\w.-]*discord(app)?\.com/api/(v\d+/)?webhooks/\d+/[\w-]+|http://127\.0\.0\.1[:/].*"
# Every secret there is, what one looks like, and in words.
FORMS = {
    "GOOGLE_STUDIO_API_KEY": (WORD, "16 letters or more without a space"),
    "GOOGLE_STUDIO_PAID_API_KEY": (WORD, "16 letters or more without a space"),
    "OPENROUTER_API_KEY": (r"sk-or-[\x21-\x7e]{8,500}", "it begins with sk-or-"),
    "BLOCKRUN_WALLET_KEY": (r"(0x)?[0-9a-fA-F]{64}", "64 hex digits"),
    "MODEL_API_KEY": (r"[\x21-\x7e]{1,4096}", "letters without a space"),
    "CRYPTOCOMPARE_API_KEY": (WORD, "16 letters or more without a space"),
    "COINGECKO_API_KEY": (WORD, "16 letters or more without a space"),
    "DISCORD_WEBHOOK_URL": (WEBHOOK, "https://discord.com/api/webhooks/…/…"),
    "BOT_TOKEN_DISCORD": (r"[\w-]{16,}\.[\w-]+\.[\w-]{16,}", "three parts with dots between"),
    "MAIN_CHANNEL_ID": (r"\d{15,22}", "about 18 digits"),
}


def examined() -> list[Finding]:
    """One line on all that are well, and one on each that is not; of a .env that cannot be read others tell."""
    try:
        told = {name: secret(name).strip() for name in FORMS}
    except InvalidSetting:
        return []
    odd = [name for name, key in told.items() if key and not re.fullmatch(FORMS[name][0], key)]
    well = [f"{name} ({secret_origin(name)})" for name, key in told.items() if key and name not in odd]
    return [
        Finding("keys", State.OK, f"set: {', '.join(well) or 'none, and none is needed'}"),
        *(Finding("keys", State.WARNING, f"{name} ({secret_origin(name)}) does not look like one",
                  f"another {name}: {FORMS[name][1]}") for name in odd),
    ]  # fmt: skip
