"""Whether messages would reach Discord: the webhook or the channel is asked for its name, and nothing is posted."""

from .. import wiring
from ..domain.errors import InvalidSetting
from ..domain.policy import Settings
from ..domain.secrets import DISCORD
from ..domain.untrusted import line
from ..settings import secret
from .findings import Finding, State
from .heard import Heard, ask, fields

LONGEST = 60
MEND = "a webhook of the channel, its address as DISCORD_WEBHOOK_URL in .env; trading goes on without"
REFUSED = "correct it in the environment or .env, or take it out there: semsig run does not start with it"


async def examined(settings: Settings, limit_s: float, base_url: str | None = None) -> list[Finding]:
    """Nothing where nobody wants to be told there."""
    try:
        if wiring.discord(settings, wiring.system_clock()) is None:
            return []
        webhook, token, channel = (secret(name).strip() for name in DISCORD)
    except InvalidSetting as wrong:
        return [Finding("discord", State.MISSING, str(wrong), REFUSED)]
    if webhook:
        return [_found(await ask(webhook, {}, limit_s), "webhook")]
    url = f"{base_url or wiring.discord_url()}/channels/{channel}"
    return [_found(await ask(url, {"authorization": f"Bot {token}"}, limit_s), "channel")]


def _found(heard: Heard, what: str) -> Finding:
    """An answer holds the token of a webhook; only its name is told, without a key that it repeats."""
    if heard.wrong:
        return Finding("discord", State.WARNING, heard.wrong, "the network; messages wait, and trading goes on")
    name = line(wiring.unsaid()(str(fields(heard.body).get("name") or "")), LONGEST)
    if not heard.is_well or not name:
        return Finding("discord", State.WARNING, f"the {what} answers with status {heard.status}", MEND)
    return Finding("discord", State.OK, f"{what} {name}", latency_ms=heard.latency_ms)
