"""Who may decide: whether each of them lets its key in, and knows its model. To look costs nothing and changes nothing.

What a server says is not repeated, for it may be the key; but for a few names of models of a local one."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from .. import wiring
from ..domain.errors import InvalidSetting
from ..domain.policy import OpenRouter, Settings
from ..settings import secret
from ..wiring.models import KEYS, Keyless, model_key, providers
from .deciders import ANALYST, has_key, instead, local_names
from .findings import Finding, State, short
from .heard import Heard, ask, fields, fit, ids, origin, unwell, usd

GOOGLE = "https://generativelanguage.googleapis.com"
NAMES = (*(name for names, _ in KEYS.values() for name in names), "MODEL_API_KEY")
UNFIT = "is empty or holds characters that no header can carry"
DOTENV = "lines like OPENROUTER_API_KEY=…, in UTF-8"
ELSEWHERE = "the network, or wait"
# Names of others that are shown, and how many: of a server that anybody may have set up.
SHOWN, NAME = 3, re.compile(r"[\w./:@+-]{1,80}", re.ASCII)
# OpenRouter takes these after the name of any model, and lists none of them.
SORTED = (":nitro", ":floor", ":online", ":exacto")
REFUSED = (401, 403)


class Look(NamedTuple):
    """A provider as it was found. `is_able`: it can be asked. `is_barred`: a run refuses what is set, whoever else
    could be asked."""

    who: str
    finding: Finding
    is_able: bool = False
    is_barred: bool = False


async def examined(settings: Settings, limit_s: float) -> list[Finding]:
    """Whether anybody can be asked; then everybody, side by side, in the order in which they are asked."""
    try:
        keys = {name: secret(name) for name in NAMES}
    except InvalidSetting as wrong:
        return [Finding("model", State.MISSING, str(wrong), DOTENV)]
    if settings.model.provider == "analyst":
        return [Finding("model", State.OK, f"the rules analyst is built in; {instead(keys.__getitem__)}")]
    lacking = {one.provider: one for one in wiring.keyless(settings, keys.__getitem__)}
    found = [
        _looked(who, LOOKS[who](settings, keys, limit_s)) if has_key(who, keys.__getitem__) else _lacking(lacking[who])
        for who in providers(settings)
    ]
    looks = [look for several in await asyncio.gather(*found) for look in several]
    return [_summary(looks), *(look.finding for look in looks)]


def _summary(looks: list[Look]) -> Finding:
    """One is enough; but a key that is none stops a run."""
    barred = next((look.finding for look in looks if look.is_barred), None)
    if barred:
        return Finding("model", State.MISSING, f"a run is refused: {barred.said}", barred.mend)
    able = [look.who for look in looks if look.is_able]
    if not able:
        said = f"nobody can be asked, looked at: {', '.join(look.who for look in looks)}"
        return Finding("model", State.MISSING, said, f"what is said below, or {ANALYST}")
    return Finding("model", State.OK, f"{', then '.join(able)} can be asked")


def _look(who: str, said: str, mend: str = "", heard: Heard | None = None, *, is_able: bool = False) -> Look:
    """With something to mend it is a warning: others stand in."""
    state = State.WARNING if mend else State.OK
    return Look(who, Finding(f"model {who}", state, said, mend, heard.latency_ms if heard else None), is_able)


async def _looked(who: str, looks: Awaitable[list[Look]]) -> list[Look]:
    try:
        return await looks
    except Exception as wrong:
        return [
            _look(who, f"cannot be looked at, was {type(wrong).__name__}", f"look at its address in {SECTIONS[who]}")
        ]


async def _lacking(one: Keyless) -> list[Look]:
    return [_look(one.provider, one.missing, one.mend)]


# --- Each of them ---


async def _google(settings: Settings, keys: Mapping[str, str], limit_s: float) -> list[Look]:
    """The free key and the paid one, each by itself, as far as they are set."""
    asked = [(who, name) for who, name in zip(("google", "google-paid"), KEYS["google"][0], strict=True) if keys[name]]
    return list(await asyncio.gather(*(_google_key(settings, *one, keys[one[1]], limit_s) for one in asked)))


async def _google_key(settings: Settings, who: str, name: str, key: str, limit_s: float) -> Look:
    if not (key := fit(key)):
        return _look(who, f"{name} {UNFIT}", f"another key, {KEYS['google'][1]}")._replace(is_barred=True)
    model = settings.google.model
    url = f"{(settings.google.base_url or GOOGLE).rstrip('/')}/v1beta/models/{quote(model, safe='')}"
    heard = await ask(url, {"x-goog-api-key": key}, limit_s)
    if heard.is_well:
        return _google_model(who, name, model, heard)
    if heard.status in REFUSED or _is_no_key(heard):
        return _look(who, f"{name} is refused, status {heard.status}", f"another key, {KEYS['google'][1]}", heard)
    if heard.status == httpx.codes.NOT_FOUND:
        return _look(who, f"there is no model {short(model)}", "set google.model to one that there is", heard)
    if fields(fields(heard.body).get("error")).get("status") == "FAILED_PRECONDITION":
        return _look(who, "it serves nobody from here, status 400", "a network that it lets in", heard)
    return _look(who, unwell(url, heard), ELSEWHERE, heard)


def _google_model(who: str, name: str, model: str, heard: Heard) -> Look:
    told = fields(heard.body)
    if not str(told.get("name")).startswith("models/"):
        return _look(who, "answers with no model", "look at google.base_url and the network", heard)
    methods = told.get("supportedGenerationMethods")
    if isinstance(methods, list) and "generateContent" not in methods:
        return _look(who, f"{short(model)} answers no questions", "set google.model to one that does", heard)
    return _look(who, f"{name} is let in, {short(model)} is there", heard=heard, is_able=True)


def _is_no_key(heard: Heard) -> bool:
    """Google says 400 to a key that is none, and to much else."""
    message = fields(fields(heard.body).get("error")).get("message")
    return heard.status == httpx.codes.BAD_REQUEST and isinstance(message, str) and "api key" in message.lower()


async def _openrouter(settings: Settings, keys: Mapping[str, str], limit_s: float) -> list[Look]:
    (name,), where = KEYS["openrouter"]
    asked, who = settings.openrouter, "openrouter"
    if not (key := fit(keys[name])):
        return [_look(who, f"{name} {UNFIT}", f"another key, {where}")]
    base, bearer = asked.base_url.rstrip("/"), {"authorization": f"Bearer {key}"}
    heard, listed = await asyncio.gather(ask(f"{base}/key", bearer, limit_s), ask(f"{base}/models", bearer, limit_s))
    if heard.status in REFUSED:
        return [_look(who, f"{name} is refused, status {heard.status}", f"another key, {where}", heard)]
    if not heard.is_well:
        return [_look(who, unwell(base, heard), ELSEWHERE, heard)]
    told = fields(heard.body).get("data")
    if not isinstance(told, dict):
        return [_look(who, "answers with nothing on the key", "look at openrouter.base_url and the network", heard)]
    return [_openrouter_models(asked, f"{name} is let in", told, ids(listed), heard)]


def _openrouter_models(
    asked: OpenRouter, said: str, key: dict[str, Any], listed: frozenset[str] | None, heard: Heard
) -> Look:
    """Of the two models that are asked for, those that this key gets an answer from."""
    who, left = "openrouter", usd(key.get("limit_remaining"))
    said += "" if left is None else f", {left:.2f} USD are left of its limit"
    if left is not None and left <= 0:
        return _look(who, said, "raise its limit, or another key, at openrouter.ai/keys", heard)
    wanted = [name for name in (asked.model, asked.fallback_model) if name]
    if listed is None:
        return _look(who, f"{said}; what it lists cannot be read", ELSEWHERE, heard, is_able=True)
    unlisted = [name for name in wanted if not _is_listed(name, listed)]
    if unlisted:
        said += f"; does not list {short(', '.join(unlisted))}"
        mend = "set openrouter.model and openrouter.fallback_model to names of openrouter.ai/models"
        return _look(who, said, mend, heard, is_able=len(unlisted) < len(wanted))
    if key.get("is_free_tier") is True and not all(name.endswith(":free") for name in wanted):
        said += "; it never bought credits: only models that end in :free answer"
        is_able = any(name.endswith(":free") for name in wanted)
        return _look(who, said, "credits, at openrouter.ai/settings/credits", heard, is_able=is_able)
    return _look(who, f"{said}, {short(' and '.join(wanted))} listed", heard=heard, is_able=True)


def _is_listed(name: str, listed: frozenset[str]) -> bool:
    base, colon, variant = name.rpartition(":")
    return name in listed or (bool(colon) and f":{variant}" in SORTED and base in listed)


async def _blockrun(settings: Settings, keys: Mapping[str, str], limit_s: float) -> list[Look]:
    asked, who = settings.blockrun, "blockrun"
    base = asked.base_url.rstrip("/")
    heard = await ask(f"{base}/models", {}, limit_s)
    try:
        # last, for it imports eth-account: a second in which no other answer would be timed well
        address = await asyncio.to_thread(wiring.wallet, settings, keys.__getitem__)
    except InvalidSetting as wrong:
        # without payees nobody is asked, and the key is not looked at
        look = _look(who, str(wrong), "BLOCKRUN_WALLET_KEY in .env, blockrun.payees in config.toml")
        return [look._replace(is_barred=bool(asked.payees))]
    listed = ids(heard)
    if listed is None:
        said, mend = f"wallet {address}; {unwell(base, heard)}", "look at blockrun.base_url and the network"
    elif asked.model not in listed:
        said, mend = f"wallet {address}; does not list {short(asked.model)}", "set blockrun.model to one that it lists"
    else:
        said, mend = f"wallet {address} pays for {short(asked.model)}, at most {asked.day_usd} USD a day", ""
    if not asked.payees:
        mend = "nobody is paid until blockrun.payees names the address that BlockRun is paid at"
    # who lists other names may take this one all the same
    return [_look(who, said, mend, heard, is_able=listed is not None and bool(asked.payees))]


async def _local(settings: Settings, keys: Mapping[str, str], limit_s: float) -> list[Look]:
    base = settings.model.base_url.rstrip("/")
    variable, place, wanted = model_key(base), origin(base), local_names(settings)
    if not wanted:
        return [_look("local", "model.name names no model", "the name of one")]
    key = fit(keys[variable])
    if keys[variable] and not key:
        return [_look("local", f"{variable} {UNFIT}", f"another {variable}")]
    heard = await ask(f"{base}/models", {"authorization": f"Bearer {key}"} if key else {}, limit_s)
    if heard.status in REFUSED:
        said = f"{place} refuses {variable}" if key else f"{place} wants a key"
        return [_look("local", f"{said}, status {heard.status}", f"{variable} in .env", heard)]
    listed = ids(heard)
    if listed is None:
        mend = "start the server, or set model.base_url" + (", which mostly ends in /v1" if heard.is_well else "")
        return [_look("local", unwell(base, heard), mend, heard)]
    if not listed:
        return [_look("local", f"{place} lists no model", "load one there", heard)]
    unlisted = [name for name in wanted if name not in listed]
    if not unlisted:
        return [_look("local", f"{place} lists {short(', '.join(wanted))}", heard=heard, is_able=True)]
    others = ", ".join(_tellable(listed, key))
    mend = "set model.name to one that it lists" + (f": {others}" if others else "")
    return [_look("local", f"{place} does not list {short(', '.join(unlisted))}", mend, heard, is_able=True)]


def _tellable(listed: frozenset[str], key: str) -> Iterator[str]:
    """A few names of a list, in order, none of them odd; nothing that the key occurs in."""
    fine = sorted(name for name in listed if NAME.fullmatch(name) and not (key and key.lower() in name.lower()))
    yield from fine[:SHOWN]


LOOKS: dict[str, Callable[[Settings, Mapping[str, str], float], Awaitable[list[Look]]]] = {
    "google": _google,
    "openrouter": _openrouter,
    "blockrun": _blockrun,
    "local": _local,
}


SECTIONS = {"local": "model.base_url"} | {who: f"{who}.base_url" for who in ("google", "openrouter", "blockrun")}


async def unused(settings: Settings, limit_s: float) -> list[Finding]:
    """Providers whose key is set, though nobody would ask them: as each would be found if they were."""
    try:
        keys = {name: secret(name) for name in NAMES}
    except InvalidSetting:
        return []
    used = () if settings.model.provider == "analyst" else providers(settings)
    idle = [who for who in KEYS if who not in used and has_key(who, keys.__getitem__)]
    found = await asyncio.gather(*(_looked(who, LOOKS[who](settings, keys, limit_s)) for who in idle))
    return [_idle(look.finding) for looks in found for look in looks]


def _idle(found: Finding) -> Finding:
    return found._replace(what=f"{found.what}, not in use")
