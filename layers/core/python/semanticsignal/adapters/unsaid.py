"""What no line may hold: every secret of this machine, and what looks like one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote, urlsplit

from ..domain.decision import Prompt, Reply
from ..domain.errors import InvalidSetting
from ..ports import LanguageModel

NAMES = (
    "GOOGLE_STUDIO_API_KEY", "GOOGLE_STUDIO_PAID_API_KEY", "OPENROUTER_API_KEY", "BLOCKRUN_WALLET_KEY", "MODEL_API_KEY",
    "COINGECKO_API_KEY", "CRYPTOCOMPARE_API_KEY", "DISCORD_WEBHOOK_URL", "BOT_TOKEN_DISCORD",
)  # fmt: skip
# Shorter is a word of everybody's.
SHORTEST = 6
LOOKS = (
    (re.compile(r"https?://[^\s/\"']+/api/(?:v\d+/)?webhooks/\d+/[\w-]+", re.IGNORECASE), "[a webhook]"),
    (re.compile(r"\bAIza[\w-]{30,}"), "[a key]"),
    (re.compile(r"\bsk-[\w-]{20,}"), "[a key]"),
    (re.compile(r"(\b(?:bearer|bot) )[\w.~+/=-]{16,}", re.IGNORECASE), r"\1[a key]"),
    (re.compile(r"([?&](?:api_?key|key|token|signature)=)[^&\s\"']+", re.IGNORECASE), r"\1[a key]"),
)


class Unsaid:
    """Text without them; `told`: a secret by its name, empty where there is none."""

    def __init__(self, told: Callable[[str], str]) -> None:
        found: dict[str, str] = {}
        for name in NAMES:
            try:
                value = told(name).strip()
            except InvalidSetting:
                continue  # whoever needs it says so
            found |= dict.fromkeys(_forms(value), f"[{name}]")
        self._names: Mapping[str, str] = {value.lower(): name for value, name in found.items()}
        # the longest first: one may begin as another does
        ranked = sorted(self._names, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ranked)), re.IGNORECASE) if ranked else None

    def known(self, text: str) -> str:
        """Without those of this machine; whatever else it says stays."""
        return self._values.sub(lambda one: self._names[one[0].lower()], text) if self._values else text

    def __call__(self, text: str) -> str:
        text = self.known(text)
        for looks, instead in LOOKS:
            text = looks.sub(instead, text)
        return text


def _forms(value: str) -> set[str]:
    """As it is written, as an address or a text in quotes writes it, and its telling part alone."""
    forms = {value, quote(value, safe=""), repr(value)[1:-1], value.removeprefix("0x")}
    if value.startswith("http"):
        forms.add(urlsplit(value).path.rpartition("/")[2])
    return {form for form in forms if len(form) >= SHORTEST}


class Discreet:
    """A model whose answers repeat no secret that it was asked with: what is kept of them is shown. `told`: by name."""

    def __init__(self, model: LanguageModel, told: Mapping[str, str]) -> None:
        self._model, self._told = model, told

    async def complete(self, prompt: Prompt) -> Reply:
        reply = await self._model.complete(prompt)
        return replace(reply, text=Unsaid(lambda name: self._told.get(name, "")).known(reply.text))

    async def close(self) -> None:
        await self._model.close()
