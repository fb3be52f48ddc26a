"""Settings, read once: defaults, then config.toml, then SEMSIG_… variables, then flags; each key bounded here."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from .domain.errors import InvalidSetting, InvalidSymbol
from .domain.market import Symbol
from .domain.policy import Settings

# key: (what it is, bounds). Numbers are inclusive bounds unless `gt`.
KEYS: dict[str, tuple[str, dict[str, Any]]] = {
    "exchange": ("ccxt id of the venue", {"pattern": r"^[a-z0-9]{2,20}$"}),
    "market_kind": ("spot, or perp with shorts and funding", {}),
    "symbols": ("pairs, BASE/QUOTE", {"min_length": 1, "max_length": 200}),
    "timeframe": ("length of a bar", {}),
    "candle_limit": ("bars analysed", {"ge": 250, "le": 5000}),
    "min_bars": ("bars below which nothing is decided", {"ge": 50, "le": 5000}),
    "min_completeness_ratio": ("share of expected bars below which nothing is decided", {"ge": 0, "le": 1}),
    "decision_delay_s": ("replay: seconds from a bar's close to its decision", {"ge": 0, "le": 600}),
    "home": ("folder of ledger and archive", {"min_length": 1, "max_length": 4000, "pattern": r"^[^\x00]+$"}),
    "port": ("dashboard and API, on loopback only", {"ge": 1, "le": 65_535}),
    "takeover_s": ("silence after which the home of a stopped run may be taken over, seconds", {"ge": 1, "le": 3600}),
    "paper.start_quote": ("starting capital, quote", {"gt": 0, "le": Decimal("1e12")}),
    "paper.fee_ratio": ("taker fee of each side", {"ge": 0, "le": Decimal("0.05")}),
    "paper.slippage_bps": ("half spread and impact on market and stop fills, basis points", {"ge": 0, "le": 500}),
    "paper.price_band_ratio": ("a finest bar this far from the last is not believed", {"gt": 0, "le": 10}),
    "risk.per_trade_ratio": ("most of equity that one stop may lose", {"gt": 0, "le": 1}),
    "risk.position_cap_ratio": ("largest notional of one position, share of equity", {"gt": 0, "le": 1}),
    "risk.exposure_cap_ratio": ("largest notional of all positions together, share of equity", {"gt": 0, "le": 1}),
    "risk.min_reward_risk": ("reward/risk that an entry needs", {"ge": 0, "le": 20}),
    "risk.min_reward_risk_chop": ("the same in a ranging market", {"ge": 0, "le": 20}),
    "risk.min_stop_ratio": ("nearest stop, share of price", {"ge": 0, "le": 1}),
    "risk.max_stop_ratio": ("farthest stop, share of price", {"ge": 0, "lt": 1}),
    "risk.min_confidence_ratio": ("confidence that an entry needs", {"ge": 0, "le": 1}),
    "risk.cooldown_bars": ("bars between entries of a pair", {"ge": 0, "le": 1000}),
    "risk.losing_streak": ("losses in a row, all pairs, that pause entries", {"ge": 1, "le": 50}),
    "risk.pause_bars": ("how long streak and drawdown breakers pause entries, bars", {"ge": 1, "le": 10_000}),
    "risk.daily_loss_ratio": ("loss of a UTC day that pauses entries to its end", {"gt": 0, "le": 1}),
    "risk.max_drawdown_ratio": ("fall from the peak of equity that pauses entries", {"gt": 0, "le": 1}),
    "risk.stale_ratio": ("age at which a closed bar is too old to enter on, bars", {"gt": 0, "le": 10}),
    "risk.order_life_ratio": ("how long a market order waits for a price, bars", {"gt": 0, "le": 1}),
    "risk.tighten_progress_ratio": ("way to the target before a stop may tighten", {"ge": 0, "le": 1}),
    "memory.is_used": ("whether the past has a say in decisions; it is kept in any case", {}),
    "memory.k": ("experiences shown to the model", {"ge": 0, "le": 100}),
    "memory.neighbors": ("experiences whose wins are counted", {"ge": 0, "le": 200}),
    "memory.pool_below": ("experiences of a pair below which those of all pairs are recalled", {"ge": 0}),
    "memory.similarity_weight": ("weight of similarity; the rest is recency", {"ge": 0, "le": 1}),
    "memory.half_life_days": ("age at which recency halves, days", {"gt": 0, "le": 10_000}),
    "memory.reflect_every": ("closed trades between reflections", {"ge": 1, "le": 1000}),
    "memory.min_wins": ("wins that make a rule to favor", {"ge": 1, "le": 1000}),
    "memory.min_losses": ("losses that make a rule to avoid", {"ge": 1, "le": 1000}),
    "memory.penalty_ratio": ("confidence taken off on a losing neighborhood", {"ge": 0, "le": 1}),
    "memory.hindsight_bars": ("bars that a refused entry is followed", {"ge": 1, "le": 300}),
    "memory.store": ("where a local instance remembers: chroma, a server of its own; embedded, in the process", {}),
    "model.provider": (
        "analyst (built in), google, openrouter, blockrun, local, openai_compatible (as local), or all: google, "
        "openrouter, blockrun, local, as far as there are keys",
        {},
    ),
    "model.base_url": (
        "OpenAI-compatible server of local, LM Studio's for one",
        {"pattern": r"^https?://", "max_length": 500},
    ),
    "model.name": (
        "model that local is asked for; several, separated by commas, in that order",
        {"min_length": 1, "max_length": 200},
    ),
    "model.input_usd": ("what local costs, US dollars a million tokens asked", {"ge": 0, "le": Decimal(10_000)}),
    "model.output_usd": ("the same of tokens answered", {"ge": 0, "le": Decimal(10_000)}),
    "model.timeout_s": ("time for a whole answer, seconds", {"gt": 0, "le": 600}),
    "model.deadline_s": ("time for a decision, whoever is asked, seconds", {"gt": 0, "le": 840}),
    "model.max_output_tokens": ("length of an answer, thoughts included, tokens", {"ge": 256, "le": 65_536}),
    "model.has_chart": ("whether models that can see are shown the chart", {}),
    "model.local_has_vision": ("whether the model of local can see", {}),
    "model.prompts": ("versions of the prompt; of several, each cycle is asked with one, by its id", {"min_length": 1}),
    "model.prompt_tokens": ("room for a prompt, tokens (estimated)", {"ge": 3000, "le": 200_000}),
    "google.model": ("model of Google AI Studio", {"pattern": r"^[A-Za-z0-9][\w.\-]{0,99}$"}),
    "google.thinking": ("none, minimal, low, medium or high", {}),
    "google.has_code_execution": ("whether it may run code of its own to look at the chart", {}),
    "google.base_url": (
        "another address of the same API; empty: Google's",
        {"pattern": r"^(https?://.*)?$", "max_length": 500},
    ),
    "openrouter.model": ("model asked for", {"min_length": 1, "max_length": 200}),
    "openrouter.fallback_model": ("asked next, with words alone; empty: none", {"max_length": 200}),
    "openrouter.reasoning": ("none, minimal, low, medium or high", {}),
    "openrouter.base_url": ("address of the API", {"pattern": r"^https?://", "max_length": 500}),
    "blockrun.model": ("model asked for", {"min_length": 1, "max_length": 200}),
    "blockrun.base_url": ("address of the API", {"pattern": r"^https?://", "max_length": 500}),
    "blockrun.payees": ("addresses that may be paid, 0x…; none: nobody is", {"max_length": 10}),
    "blockrun.chain": ("base, or base-sepolia for tests", {}),
    "blockrun.call_usd": ("most that one answer may cost, US dollars", {"gt": 0, "le": Decimal(10)}),
    "blockrun.day_usd": ("most that a UTC day may cost, US dollars", {"gt": 0, "le": Decimal(1000)}),
    "budget.call_usd": ("most that one answer of any model may cost, US dollars", {"gt": 0, "le": Decimal(100)}),
    "budget.day_usd": ("most that a UTC day may cost, all models, US dollars", {"gt": 0, "le": Decimal(10_000)}),
    "budget.month_usd": ("most that a month may cost, all models, US dollars", {"gt": 0, "le": Decimal(100_000)}),
    "collect.fallbacks": (
        "venues asked when the first cannot answer, and as second opinions, in this order; none: only the first",
        {"max_length": 12},
    ),
    "collect.daily_limit": ("daily bars collected", {"ge": 0, "le": 1000}),
    "collect.weekly_limit": ("weekly bars collected", {"ge": 0, "le": 1000}),
    "collect.timeout_s": ("time for one answer of one venue, seconds", {"gt": 0, "le": 15}),
    "collect.deadline_s": ("time to wait for a bar that has closed, seconds", {"ge": 0, "le": 120}),
    "collect.max_apart_ratio": ("two venues' prices this far apart are disputed", {"gt": 0, "le": 1}),
    "collect.min_score_ratio": ("share of all that should be known below which nothing is decided", {"ge": 0, "le": 1}),
    "context.max_age_minutes": (
        "age at which a figure on the whole market counts as absent; one of a day: after its day",
        {"ge": 15, "le": 10_080},
    ),
    "context.timeout_s": ("time for a whole answer of each source, seconds", {"gt": 0, "le": 60}),
    "news.feeds": ("publishers: coindesk, cointelegraph, decrypt, cryptoslate; none: no news", {"max_length": 4}),
    "news.keep_hours": ("age at which an article is dropped, hours", {"ge": 1, "le": 168}),
    "news.timeout_s": ("time for a whole answer of each source, seconds", {"gt": 0, "le": 60}),
    "news.limit": ("articles shown to the model", {"ge": 0, "le": 20}),
    "news.tokens": ("length of each of them, tokens (estimated)", {"ge": 50, "le": 4000}),
    "discord.analysis": ("what a model wrote before it decided: off, silent, normal or always", {}),
    "discord.decision": (
        "decisions: off, silent (no phone rings), normal (none in the quiet hours), always (it rings)",
        {},
    ),
    "discord.position": ("positions opened, moved, and how they stand: off, silent, normal or always", {}),
    "discord.exit": ("closed trades: off, silent, normal or always", {}),
    "discord.performance": ("the figures of each UTC day: off, silent, normal or always", {}),
    "discord.refusals": ("what was refused on each UTC day: off, silent, normal or always", {}),
    "discord.alarm": ("what somebody should look at: off, silent, normal or always", {}),
    "discord.has_holds": ("whether decisions that nothing came of are sent too", {}),
    "discord.has_chart": ("whether decisions come with their chart", {}),
    "discord.status_bars": ("bars between two messages on an open position; 0: none", {"ge": 0, "le": 10_000}),
    "discord.quiet_hours": (
        "when phones are left in peace, as 22:00-07:00; empty: never",
        {"pattern": r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$"},
    ),
    "discord.zone": ("time zone of the quiet hours, as Europe/Berlin", {"min_length": 1, "max_length": 60}),
    "discord.expiry_hours": ("age at which messages are taken back, hours; 0: never", {"ge": 0, "le": 8760}),
    "discord.timeout_s": ("time for a whole answer, seconds", {"gt": 0, "le": 60}),
    "simulation.seed": ("makes the simulated market", {"ge": 0, "le": 2**31}),
    "simulation.symbols": ("pairs of the simulated market", {"min_length": 1, "max_length": 50}),
    "simulation.history_days": ("simulated days lived through at start", {"ge": 0, "le": 3650}),
    "simulation.speed": ("simulated seconds a second: 720 is 4 h in 20 s", {"gt": 0, "le": 1_000_000}),
    "cloud.stage": ("name of the deployment: dev, prod", {"pattern": r"^[a-z][a-z0-9]{1,11}$"}),
    "cloud.chroma_digest": (
        "digest of the Chroma image, sha256:… (docs/deploy.md says how to find it)",
        {"pattern": r"^(sha256:[0-9a-f]{64})?$"},
    ),
    "cloud.is_spot": ("Chroma on Fargate Spot: cheaper, with pauses of a minute or two", {}),
    "cloud.is_public": ("whether anybody may look without signing in: no prompts, no replies, no costs, no acting", {}),
    "cloud.budget_usd": ("a month's cost above which the budget alarm rings, US dollars", {"gt": 0, "le": 100_000}),
    "cloud.alarm_email": ("who hears the alarms", {"pattern": r"^([^@\s]+@[^@\s]+)?$", "max_length": 200}),
    "cloud.log_days": ("how long logs are kept, days; rounded up to what CloudWatch offers", {"ge": 1, "le": 3653}),
}
# What only the machine of its owner, or the template itself, has a use for.
NOT_FOR_FUNCTIONS = ("home", "port", "simulation.", "cloud.")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
SECTION = re.compile(r"\s*\[([\w.]+)\]\s*(?:#.*)?$")
ASSIGNMENT = re.compile(r"\s*([\w.]+)\s*=")
LINE_BREAK = re.compile(r"\r\n|\n|\r")
# How alike a name is to the one that was meant.
LIKENESS = 0.75
# Said with commas, as a JSON list, or as none, by a flag or a variable.
LISTS = ("symbols", "feeds", "fallbacks", "prompts", "payees")
# Where the settings lie, recorded data for tests and benchmarks, and what the cloud calls its parts.
PLACES = {
    "table": "SEMSIG_TABLE",
    "bucket": "SEMSIG_BUCKET",
    "bus": "SEMSIG_BUS",
    "memory": "SEMSIG_MEMORY_FUNCTION",
    "connections": "SEMSIG_CONNECTIONS",
    "mail": "SEMSIG_MAIL",
    "socket": "SEMSIG_SOCKET_ENDPOINT",
    "chroma": "SEMSIG_CHROMA_URL",
    "secrets": "SEMSIG_SECRETS",
    "metrics": "SEMSIG_METRICS",
}
# Sections that say where a model is, and the secret that it is shown.
KEYED = {
    "model": "MODEL_API_KEY",
    "google": "GOOGLE_STUDIO_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "blockrun": "BLOCKRUN_WALLET_KEY",
}
# Those of Discord lie below the path of the others, which are read all at once by who has no use for these.
DISCORD_IN = "discord"
RESERVED = {"SEMSIG_CONFIG", "SEMSIG_DATA", *PLACES.values()}


@dataclass(frozen=True)
class Sourced:
    """Settings and, for each dotted key that is not a default, where its value came from."""

    settings: Settings
    origins: Mapping[str, str]


@dataclass(frozen=True)
class Places:
    """What the template called the parts of a deployment; a function is told of those that it may reach.

    `socket`: endpoint of the WebSocket API's management. `secrets`: path of the parameters in SSM. `metrics`: namespace
    of the figures, one a deployment. Reading one that was not told raises InvalidSetting."""

    told: Mapping[str, str]

    def __getattr__(self, part: str) -> str:
        if part not in PLACES:
            raise AttributeError(part)
        if not self.told.get(part):
            raise InvalidSetting(f"{PLACES[part]} is not set: the template tells it to the functions that need it")
        return self.told[part]


def has_display(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> bool:
    """Whether a window could be seen by whoever started this."""
    variables = os.environ if environ is None else environ
    if platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in variables
    return bool(variables.get("DISPLAY") or variables.get("WAYLAND_DISPLAY"))


def places(environ: Mapping[str, str] | None = None) -> Places:
    variables = os.environ if environ is None else environ
    return Places({part: variables.get(name, "") for part, name in PLACES.items()})


def secret(name: str, environ: Mapping[str, str] | None = None) -> str:
    """From the environment, else from the file .env beside us; empty where neither has it. Raises InvalidSetting for a
    file that cannot be read."""
    variables = os.environ if environ is None else environ
    return variables.get(name) or (_dotenv() if environ is None else {}).get(name, "")


def variable(name: str) -> str:
    """Of the machine and of AWS, whose own tools read no .env; empty where it is not set."""
    return os.environ.get(name, "")


def secret_origin(name: str) -> str:
    """Where it is set: environment, .env, or nowhere."""
    return "environment" if os.environ.get(name) else ".env" if _dotenv().get(name) else ""


def _dotenv() -> Mapping[str, str]:
    """Read anew each time: a secret is asked for once or twice in the life of a process."""
    return {one.key: one.value for one in _lines() if not one.error and one.key and one.value}


def passed_over() -> tuple[str, ...]:
    """What stands in .env and is not heeded, by its line: never what it says, for that may be a secret."""
    known = {f"SEMSIG_{key.upper().replace('.', '__')}" for key in KEYS}
    found = []
    for one in _lines():
        # the parser counts from the blank lines before it
        blank = one.original.string[: len(one.original.string) - len(one.original.string.lstrip())]
        where = f".env, line {one.original.line + len(LINE_BREAK.findall(blank))} is passed over"
        name = (one.key or "").upper()
        if name.startswith("SEMSIG_"):
            what = name if name in known else "it"
            found.append(f"{where}: {what} is a setting, for config.toml or the environment")
        elif one.error or (one.key and one.value is None):
            found.append(f"{where}: it is not NAME=value")
    return tuple(found)


def _lines() -> list[Any]:
    path = Path(".env")
    if not path.is_file():
        return []
    from dotenv.parser import parse_stream

    try:
        with path.open(encoding="utf-8") as lines:
            return list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as wrong:
        raise InvalidSetting(f"cannot read secrets from .env, was {type(wrong).__name__}") from None


def load(
    flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, file: Path | None = None
) -> Sourced:
    """`flags`: dotted key → value, None meaning not given. Raises InvalidSetting that says key, value and range."""
    variables = os.environ if environ is None else environ
    origins: dict[str, str] = {}
    merged: dict[str, Any] = {}
    # Validated layer by layer: a wrong value is said even where a later layer would have hidden it.
    path = file or Path(variables.get("SEMSIG_CONFIG", "config.toml"))
    if file or "SEMSIG_CONFIG" in variables or path.exists():
        _merge(merged, _toml(path), "", path.name, origins)
        _validated(merged, origins)
    for name in sorted(variables):
        if name.startswith("SEMSIG_") and name not in RESERVED:
            key = name.removeprefix("SEMSIG_").lower().replace("__", ".")
            _merge(merged, _nested(key, _parsed(key, variables[name])), "", name, origins)
    _validated(merged, origins)
    for key, value in (flags or {}).items():
        if value is not None:
            _merge(merged, _nested(key, value), "", "flag", origins)
    return Sourced(_validated(merged, origins), origins)


def config_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """The file that is read; None where there is none."""
    variables = os.environ if environ is None else environ
    path = Path(variables.get("SEMSIG_CONFIG", "config.toml"))
    return path if path.is_file() else None


def lines_of(path: Path) -> dict[str, int]:
    """The line of each key of a file of settings; of a key that is written in no plain way there is none."""
    section, found = "", dict[str, int]()
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if header := SECTION.match(text):
            section = f"{header[1].strip()}."
        elif pair := ASSIGNMENT.match(text):
            found.setdefault(f"{section}{pair[1].strip()}", number)
    return {key: number for key, number in found.items() if key in KEYS}


def rows(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    """Every key with its value in force and what it is, in order."""
    for key, (meaning, _) in KEYS.items():
        value: Any = settings
        for part in key.split("."):
            value = getattr(value, part)
        yield key, value, meaning


def _validated(merged: Mapping[str, Any], origins: Mapping[str, str]) -> Settings:
    _check_address(merged)
    try:
        settings: Settings = _build(Settings, _MODEL.model_validate(merged))
    except ValidationError as wrong:
        raise InvalidSetting(_said(wrong, origins)) from wrong
    _check_payees(settings.blockrun.payees)
    _check_deadline(settings)
    _check_zone(settings.discord.zone)
    since, _, until = settings.discord.quiet_hours.partition("-")
    if since and since == until:
        raise InvalidSetting(f"discord.quiet_hours end when they begin, was {since}-{until}; empty is never")
    for key, pairs in (("symbols", settings.symbols), ("simulation.symbols", settings.simulation.symbols)):
        try:
            names = [str(Symbol.parse(pair)) for pair in pairs]
        except InvalidSymbol as wrong:
            raise InvalidSetting(f"{key}: {wrong}") from wrong
        if len({name.replace("/", "") for name in names}) != len(names):
            raise InvalidSetting(f"{key}: each pair once, was {', '.join(pairs)}")
    settings = replace(
        settings,
        symbols=_spelled(settings.symbols),
        simulation=replace(settings.simulation, symbols=_spelled(settings.simulation.symbols)),
    )
    if settings.min_bars > settings.candle_limit:
        raise InvalidSetting(f"min_bars must be at most candle_limit {settings.candle_limit}, was {settings.min_bars}")
    if settings.risk.min_stop_ratio > settings.risk.max_stop_ratio:
        raise InvalidSetting(
            f"risk.min_stop_ratio must be at most risk.max_stop_ratio {settings.risk.max_stop_ratio}, "
            f"was {settings.risk.min_stop_ratio}"
        )
    return settings


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("Input should be a number")
    return value


def _spelled(symbols: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(Symbol.parse(symbol)) for symbol in symbols)


def _model(kind: Any, prefix: str = "") -> type[BaseModel]:
    """A strict model of one dataclass of the policy, with the bounds of KEYS."""
    hints = get_type_hints(kind)
    shape: dict[str, Any] = {}
    for field in fields(kind):
        key, hint = f"{prefix}{field.name}", hints[field.name]
        if is_dataclass(hint):
            inner = _model(hint, f"{key}.")
            shape[field.name] = (inner, Field(default_factory=inner))
        else:
            meaning, bounds = KEYS[key]
            default = field.default if field.default is not MISSING else ...
            extra: dict[str, Any] = {"allow_inf_nan": False} if hint in (float, Decimal) else {}
            if hint in (int, float, Decimal):
                hint = Annotated[hint, BeforeValidator(_no_bool)]
            shape[field.name] = (hint, Field(default, description=meaning, **bounds, **extra))
    return create_model(f"{kind.__name__}Model", __config__=ConfigDict(extra="forbid"), **shape)


def _build(kind: Any, model: BaseModel) -> Any:
    values = {}
    for field in fields(kind):
        value = getattr(model, field.name)
        hint = get_type_hints(kind)[field.name]
        values[field.name] = _build(hint, value) if isinstance(value, BaseModel) else value
    return kind(**values)


_MODEL = _model(Settings)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise InvalidSetting(f"cannot read settings from {path}, was {wrong}") from wrong


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _parsed(key: str, text: str) -> Any:
    """Of a list: A,B, or what config.toml shows, or none."""
    if not key.endswith(LISTS):
        return text
    if text.strip() == "none":
        return []
    if text.strip().startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            raise InvalidSetting(f'{key} is a list, A,B or ["A", "B"] or none, was {text!r}') from None
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_address(merged: Mapping[str, Any]) -> None:
    """A name and a password would be printed wherever the address is; the refusal does not repeat them either."""
    for section, variable in KEYED.items():
        told = merged.get(section)
        address = told.get("base_url") if isinstance(told, Mapping) else None
        if not isinstance(address, str):
            continue
        if "@" in address:
            raise InvalidSetting(f"{section}.base_url holds no name and password, no @; a key is {variable} in .env")
        if not _is_address(address):
            raise InvalidSetting(f"{section}.base_url is http://… or https://… with a host and no more than a path")


def _is_address(address: str) -> bool:
    """Empty: the provider's own."""
    try:
        found = urlsplit(address)
        return not address or (bool(found.hostname) and found.port != 0)
    except ValueError:
        return False


def _check_deadline(settings: Settings) -> None:
    """An answer that comes when its bar is too old to enter on is paid for nothing."""
    stale_s = settings.risk.stale_ratio * settings.timeframe.seconds
    if settings.model.provider != "analyst" and settings.model.deadline_s > stale_s:
        raise InvalidSetting(
            f"model.deadline_s is at most risk.stale_ratio of a {settings.timeframe} bar, {stale_s:g} s, "
            f"was {settings.model.deadline_s:g}"
        )


def _check_zone(zone: str) -> None:
    """Every place knows UTC; some have no other zones."""
    try:
        if zone != "UTC":
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidSetting(f"discord.zone is a time zone such as UTC or Europe/Berlin, was {zone!r}") from None


def _check_payees(payees: Iterable[str]) -> None:
    """A wallet's key looks much like its address: what is wrong is not repeated."""
    for payee in payees:
        if not ADDRESS.fullmatch(payee):
            raise InvalidSetting(
                f"blockrun.payees are addresses, 0x and 40 hex digits, was one of {len(payee)} characters"
            )


def _merge(into: dict[str, Any], new: Mapping[str, Any], prefix: str, origin: str, origins: dict[str, str]) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            _merge(into.setdefault(key, {}), value, f"{prefix}{key}.", origin, origins)
        else:
            # One pair, or several with commas, as a flag or a variable would say it.
            into[key] = _parsed(key, value) if isinstance(value, str) else value
            origins[f"{prefix}{key}"] = origin


def _said(wrong: ValidationError, origins: Mapping[str, str]) -> str:
    first = wrong.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    # of a list its item is named, and of a section what was put in its place
    near = [where for dotted, where in origins.items() if key.startswith(dotted) or dotted.startswith(f"{key}.")]
    origin = near[0] if near else "config.toml"
    if first["type"] == "extra_forbidden":
        # what was meant for .env may have been put here: it is not repeated
        meant = f", did you mean {alike}?" if (alike := _alike(key)) else ";"
        return f"{key} is no setting (from {origin}){meant} config.toml lists every key, .env.example the secrets"
    told = f"must be a section, [{key}]" if "valid dictionary" in first["msg"] else in_words(first["msg"])
    return f"{key}: {told} (from {origin}), was {first['input']!r}; config.toml lists every key"


def in_words(said: str) -> str:
    """What pydantic says of a value, fit for people."""
    return re.sub(r", unable to parse .*", "", said).replace("Input should be", "must be").replace("Value error, ", "")


def _alike(key: str) -> str:
    """The key that somebody may have meant, whole or by its last part; empty when none is near."""
    last = {name.rpartition(".")[2]: name for name in KEYS}
    whole = get_close_matches(key.lower(), KEYS, 1, LIKENESS)
    return whole[0] if whole else "".join(last[one] for one in get_close_matches(key.lower(), last, 1, LIKENESS))
