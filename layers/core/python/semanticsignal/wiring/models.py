"""Who decides: the models there are keys for, each bounded in time and money, one behind the other.

Recorded(Fallback([Repaired(Breaker(Metered(plug))), …])): money is set aside for each question, the circuit is of each
provider, the deadline of all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from ..domain.errors import BadInput, InvalidSetting
from ..domain.policy import LOCAL, Settings
from ..ports import Clock, LanguageModel, Purse
from ..settings import secret as environment_secret

if TYPE_CHECKING:
    from ..adapters.breaker import Breaker
    from ..adapters.fallback import Named
    from ..adapters.metered import Tariff
    from ..adapters.sqlite import SqlitePurse

REPLIES, PURSE = "replies", "purse.db"
# Which secrets let a provider in, and where a person gets one.
KEYS = {
    "google": (("GOOGLE_STUDIO_API_KEY", "GOOGLE_STUDIO_PAID_API_KEY"), "a free one at aistudio.google.com/apikey"),
    "openrouter": (("OPENROUTER_API_KEY",), "one at openrouter.ai/keys"),
    "blockrun": (("BLOCKRUN_WALLET_KEY",), "the key of a wallet of its own with a few USDC on Base"),
}
Secret = Callable[[str], str]


class Keyless(NamedTuple):
    """A provider that cannot be asked: what is missing, and its mend."""

    provider: str
    missing: str
    mend: str


@dataclass(frozen=True)
class Terms:
    """What every model is made with."""

    settings: Settings
    secret: Secret
    purse: Purse
    now: Callable[[], datetime]
    circuits: "list[Breaker]" = field(default_factory=list)


def model(  # noqa: PLR0913, what is around it is chosen one by one
    settings: Settings,
    home: Path | None = None,
    secret: Secret = environment_secret,
    *,
    spending: Purse | None = None,
    within: Callable[[LanguageModel], LanguageModel] = lambda mind: mind,
    circuits: "list[Breaker] | None" = None,
    clock: Clock | None = None,
) -> LanguageModel:
    """The configured models; the built-in analyst needs none. With a home, what came of a prompt is kept there and
    never asked again. `spending`: without it a purse of this process alone. `within` goes around all that asks, and is
    not on the record. `circuits` is given those of all who may be asked. `clock`: of real time, by which money is
    counted; the machine's where none is given. Raises InvalidSetting when nobody can be asked."""
    if settings.model.provider == "analyst":
        from ..adapters.analyst import RulesAnalyst

        return within(RulesAnalyst())
    from ..adapters.discreet import Discreet
    from ..adapters.fallback import Fallback
    from ..adapters.folder import FolderArchive
    from ..adapters.inmemory import InMemoryPurse
    from ..adapters.recorded import Recorded
    from ..adapters.system_clock import SystemClock

    told: dict[str, str] = {}

    def noted(name: str) -> str:
        told[name] = secret(name)
        return told[name]

    real = clock or SystemClock()
    terms = Terms(settings, noted, spending or InMemoryPurse(), real.now, [] if circuits is None else circuits)
    mind = within(Discreet(Fallback(minds(terms), settings.model.deadline_s, terms.now), told))
    return Recorded(FolderArchive(home / REPLIES), mind) if home else mind


def recorded(home: Path) -> LanguageModel:
    """Only what an earlier run in that home was answered. Raises BadInput when nothing was kept there."""
    from ..adapters.folder import FolderArchive
    from ..adapters.recorded import Recorded

    if not (home / REPLIES).is_dir():
        raise BadInput(f"no replies were recorded there, was {home}; it is the --home of an earlier run with a model")
    return Recorded(FolderArchive(home / REPLIES), None)


def served(base_url: str, name: str, timeout_s: float, api_key: str = "none") -> LanguageModel:
    """A model behind an OpenAI-compatible server, nothing around it."""
    from ..adapters.openai_compatible import OpenAICompatible

    return OpenAICompatible(base_url, name, api_key, timeout_s=timeout_s)


def model_key(base_url: str) -> str:
    """The secret that a server is shown: OpenRouter's for OpenRouter alone, so that no other server ever sees it."""
    return "OPENROUTER_API_KEY" if urlsplit(base_url).hostname == "openrouter.ai" else "MODEL_API_KEY"


def purse(home: Path, token: int = 0) -> "SqlitePurse":
    """Of a home, shared by all that opens it; only who holds the home pays from it."""
    from ..adapters.sqlite import SqlitePurse

    return SqlitePurse(home / PURSE, token)


def minds(terms: Terms) -> "tuple[Named, ...]":
    """In the order asked. Raises InvalidSetting that names the variables when there is a key for none of them."""
    found = tuple(named for provider in providers(terms.settings) for named in MADE[provider](terms))
    if not found:
        missing = "; ".join(f"{one.missing}: {one.mend}" for one in keyless(terms.settings, terms.secret))
        raise InvalidSetting(f"model.provider {terms.settings.model.provider} has nobody to ask: {missing}")
    return found


def keyless(settings: Settings, secret: Secret = environment_secret) -> tuple[Keyless, ...]:
    """The providers that the settings ask for and that cannot be asked."""
    found = []
    for provider in providers(settings):
        names, where = KEYS.get(provider, ((), ""))
        if names and not any(map(secret, names)):
            found.append(Keyless(provider, f"{' or '.join(names)} is not set", f"{where}, as a variable or in .env"))
        elif provider == "blockrun" and not settings.blockrun.payees:
            found.append(
                Keyless(provider, "blockrun.payees names nobody", "the address BlockRun is paid at, in config.toml")
            )
    return tuple(found)


def wallet(settings: Settings, secret: Secret = environment_secret) -> str | None:
    """The address that pays BlockRun, to be filled; None without a key. Raises InvalidSetting for one that is none."""
    key = secret("BLOCKRUN_WALLET_KEY")
    if not key:
        return None
    from ..adapters.system_clock import SystemClock
    from ..adapters.x402 import X402

    return X402(key, _payment_terms(settings), SystemClock().now).address


def providers(settings: Settings) -> tuple[str, ...]:
    """The providers that the settings ask for, in that order."""
    match settings.model.provider:
        case "all":
            return tuple(MADE)
        case provider if provider in LOCAL:
            return ("local",)
        case provider:
            return (provider,)


def _google(terms: Terms) -> "Iterator[Named]":
    from ..adapters.gemini import Gemini
    from ..adapters.metered import Tariff
    from ..logic.decide.prices import FREE, price

    asked, common = terms.settings.google, terms.settings.model
    for provider, variable in (("google", "GOOGLE_STUDIO_API_KEY"), ("google-paid", "GOOGLE_STUDIO_PAID_API_KEY")):
        key = terms.secret(variable)
        if not key:
            continue
        plug = Gemini(
            key, asked.model, common.timeout_s, thinking="" if asked.thinking == "none" else asked.thinking,
            max_output_tokens=common.max_output_tokens, with_code=asked.has_code_execution,
            has_vision=common.has_chart, base_url=asked.base_url or None,
        )  # fmt: skip
        # the free key's limits are counted in questions, not in money
        known = FREE if provider == "google" else price(asked.model)
        yield _kept(terms, (provider, asked.model), plug, Tariff(known, common.max_output_tokens))


def _openrouter(terms: Terms) -> "Iterator[Named]":
    from ..adapters.metered import Tariff
    from ..adapters.openai_compatible import OpenAICompatible
    from ..logic.decide.prices import openrouter_price

    asked, common, key = terms.settings.openrouter, terms.settings.model, terms.secret("OPENROUTER_API_KEY")
    if not key:
        return
    for name, can_see in ((asked.model, common.has_chart), (asked.fallback_model, False)):
        if not name:
            continue
        plug = OpenAICompatible(
            asked.base_url, name, key, common.timeout_s, provider="openrouter", has_vision=can_see, form="schema",
            reasoning="" if asked.reasoning == "none" else asked.reasoning,
            max_output_tokens=common.max_output_tokens, temperature=1.0,
        )  # fmt: skip
        yield _kept(terms, ("openrouter", name), plug, Tariff(openrouter_price(name), common.max_output_tokens))


def _blockrun(terms: Terms) -> "Iterator[Named]":
    """Without somebody who may be paid it is asked all the same, and refused: the refusal says who wants to be paid."""
    from ..adapters.metered import Tariff
    from ..adapters.openai_compatible import OpenAICompatible
    from ..adapters.x402 import X402

    asked, common, key = terms.settings.blockrun, terms.settings.model, terms.secret("BLOCKRUN_WALLET_KEY")
    if not key:
        return
    payer = X402(key, _payment_terms(terms.settings), terms.now)
    plug = OpenAICompatible(
        asked.base_url, asked.model, "none", common.timeout_s, provider="blockrun", auth=payer, paid=payer.paid_usd,
        max_output_tokens=common.max_output_tokens, temperature=1.0,
    )  # fmt: skip
    # what it costs is said when it is asked, and bounded by the terms of payment
    tariff = Tariff(None, common.max_output_tokens, most_usd=asked.call_usd, day_usd=asked.day_usd)
    yield _kept(terms, ("blockrun", asked.model), plug, tariff)


def _payment_terms(settings: Settings) -> Any:
    from ..domain import payment

    asked = settings.blockrun
    coin = payment.USDC_ON_BASE if asked.chain == "base" else payment.USDC_ON_BASE_SEPOLIA
    return payment.Terms(payees=frozenset(asked.payees), cap_usd=asked.call_usd, assets=(coin,))


def _local(terms: Terms) -> "Iterator[Named]":
    """Several names, separated by commas, are asked in that order. It costs what the settings say, nothing as
    shipped."""
    from ..adapters.metered import Tariff
    from ..adapters.openai_compatible import OpenAICompatible
    from ..logic.decide.prices import openrouter_price

    common = terms.settings.model
    key = terms.secret(model_key(common.base_url)) or "none"
    told = (common.input_usd, common.output_usd)
    is_sold = urlsplit(common.base_url).hostname == "openrouter.ai"
    for name in filter(None, map(str.strip, common.name.split(","))):
        plug = OpenAICompatible(
            common.base_url, name, key, common.timeout_s, provider="local", has_vision=common.local_has_vision,
            max_output_tokens=common.max_output_tokens, temperature=0,
        )  # fmt: skip
        known = openrouter_price(name) if is_sold and not any(told) else told
        yield _kept(terms, ("local", name), plug, Tariff(known, common.max_output_tokens))


# In the order in which all are asked.
MADE: dict[str, Callable[[Terms], "Iterator[Named]"]] = {
    "google": _google,
    "openrouter": _openrouter,
    "blockrun": _blockrun,
    "local": _local,
}


def _kept(terms: Terms, who: tuple[str, str], plug: LanguageModel, tariff: "Tariff") -> "Named":
    """A plug within its bounds."""
    from ..adapters.breaker import Breaker
    from ..adapters.fallback import Named
    from ..adapters.metered import Metered
    from ..adapters.repaired import Repaired

    metered = Metered(plug, who, tariff, terms.purse, terms.settings.budget, now=terms.now)
    circuit = Breaker(metered, f"{who[1]} at {who[0]}")
    terms.circuits.append(circuit)
    return Named(*who, Repaired(circuit), terms.settings.model.timeout_s)
