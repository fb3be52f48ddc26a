"""What no line may hold: every secret of this machine, and what looks like one."""

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from ...domain.errors import InvalidSetting
from ...domain.secrets import HIDDEN

# Shorter is a word of everybody's.
SHORTEST = 6
LOOKS = (
    (re.compile(r"https?://[^\s/\"']+/api/(?:v\d+/)?webhooks/\d+/[\w-]+", re.IGNORECASE), "[a webhook]"),
    (re.compile(r"\bAIza[\w-]{30,}"), "[a key]"),
    (re.compile(r"\bsk-[\w-]{20,}"), "[a key]"),
    (re.compile(r"(\b(?:bearer|bot) )[\w.~+/=-]{16,}", re.IGNORECASE), r"\1[a key]"),
    (
        re.compile(r"([?&](?:api_?key|key|(?:x-amz-security-)?token|(?:x-amz-)?signature)=)[^&\s\"']+", re.IGNORECASE),
        r"\1[a key]",
    ),
)


class Unsaid:
    """Text without them; `told`: a secret by its name, empty where there is none."""

    def __init__(self, told: Callable[[str], str]) -> None:
        found: dict[str, str] = {}
        for name in HIDDEN:
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
    forms = {value, quote(value, safe=""), repr(value)[1:-1], json.dumps(value)[1:-1], value.removeprefix("0x")}
    if value.startswith("http"):
        path = urlsplit(value).path.lstrip("/")
        forms |= {path, path.rpartition("/")[2]}
    return {form for form in forms if len(form) >= SHORTEST}
