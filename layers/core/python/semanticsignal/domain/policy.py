"""What differs between places and what is allowed, as plain values; `settings.py` reads and bounds them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

from .market import MarketKind, Symbol, Timeframe
from .messages import Level


@dataclass(frozen=True, slots=True)
class Paper:
    """Terms of the paper venue."""

    start_quote: Decimal = Decimal(10_000)
    fee_ratio: Decimal = Decimal("0.00075")
    slippage_bps: Decimal = Decimal(2)
    price_band_ratio: float = 0.5


@dataclass(frozen=True, slots=True)
class Risk:
    """What guards enforce and sizing may spend."""

    per_trade_ratio: Decimal = Decimal("0.01")
    position_cap_ratio: Decimal = Decimal("0.10")
    exposure_cap_ratio: Decimal = Decimal("0.50")
    min_reward_risk: float = 1.5
    min_reward_risk_chop: float = 1.2
    min_stop_ratio: float = 0.005
    max_stop_ratio: float = 0.10
    min_confidence_ratio: float = 0.55
    cooldown_bars: int = 2
    losing_streak: int = 6
    pause_bars: int = 12
    daily_loss_ratio: float = 0.03
    max_drawdown_ratio: float = 0.25
    stale_ratio: float = 0.25
    order_life_ratio: float = 0.25
    tighten_progress_ratio: float = 0.15


@dataclass(frozen=True, slots=True)
class Memory:
    """How the past is recalled and when it is reflected upon. `k` are shown, `neighbors` are counted."""

    is_used: bool = True
    k: int = 5
    neighbors: int = 20
    pool_below: int = 1000
    similarity_weight: float = 0.7
    half_life_days: float = 90.0
    reflect_every: int = 10
    min_wins: int = 5
    min_losses: int = 3
    penalty_ratio: float = 0.10
    hindsight_bars: int = 42
    store: Literal["chroma", "embedded"] = "chroma"


Provider = Literal["analyst", "google", "openrouter", "blockrun", "local", "openai_compatible", "all"]
LOCAL, SEEING = ("local", "openai_compatible"), ("google", "openrouter", "all")
# The versions of the prompt that there are: logic/decide/prompts/methods.toml.
Version = Literal["trader_v4", "trader_v4_debate"]


@dataclass(frozen=True, slots=True)
class Model:
    """Who decides, and how they are asked."""

    provider: Provider = "analyst"
    base_url: str = "http://127.0.0.1:1234/v1"
    name: str = "local-model"
    input_usd: Decimal = Decimal(0)
    output_usd: Decimal = Decimal(0)
    timeout_s: float = 60.0
    deadline_s: float = 150.0
    max_output_tokens: int = 8192
    has_chart: bool = True
    local_has_vision: bool = False
    prompts: tuple[Version, ...] = ("trader_v4",)
    prompt_tokens: int = 12_000

    @property
    def sees(self) -> bool:
        """Whether anybody who may be asked is shown the chart."""
        return self.has_chart and (self.provider in SEEING or (self.provider in LOCAL and self.local_has_vision))


Thinking = Literal["none", "minimal", "low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Google:
    """Gemini: the free key first, then the paid one."""

    model: str = "gemini-3-flash-preview"
    thinking: Thinking = "high"
    has_code_execution: bool = False
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class OpenRouter:
    """Many models behind one key."""

    model: str = "google/gemini-3-flash-preview"
    fallback_model: str = "deepseek/deepseek-r1:free"
    reasoning: Thinking = "high"
    base_url: str = "https://openrouter.ai/api/v1"


@dataclass(frozen=True, slots=True)
class BlockRun:
    """Models paid a question at a time, by x402. Nobody is paid who is not named."""

    model: str = "deepseek/deepseek-reasoner"
    base_url: str = "https://blockrun.ai/api/v1"
    payees: tuple[str, ...] = ()
    chain: Literal["base", "base-sepolia"] = "base"
    call_usd: Decimal = Decimal("0.05")
    day_usd: Decimal = Decimal("0.50")


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that models may cost, all of them together, US dollars."""

    call_usd: Decimal = Decimal("0.25")
    day_usd: Decimal = Decimal(1)
    month_usd: Decimal = Decimal(20)


@dataclass(frozen=True, slots=True)
class Context:
    """What is asked about the whole market."""

    max_age_minutes: int = 60
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Collect:
    """How the market is asked."""

    fallbacks: tuple[str, ...] = ("kucoin", "gate", "mexc", "hyperliquid", "kraken", "coinbase", "okx")
    daily_limit: int = 365
    weekly_limit: int = 300
    timeout_s: float = 8.0
    deadline_s: float = 30.0
    max_apart_ratio: float = 0.01
    min_score_ratio: float = 0.7


Feed = Literal["coindesk", "cointelegraph", "decrypt", "cryptoslate"]


@dataclass(frozen=True, slots=True)
class News:
    """Whose news are read, and how long they are kept."""

    feeds: tuple[Feed, ...] = get_args(Feed)
    keep_hours: int = 24
    timeout_s: float = 20.0
    limit: int = 5
    tokens: int = 500


@dataclass(frozen=True, slots=True)
class Discord:
    """What is told there, topic by topic, and when phones are left in peace. Where: a secret."""

    analysis: Level = "silent"
    decision: Level = "normal"
    position: Level = "silent"
    exit: Level = "normal"
    performance: Level = "silent"
    refusals: Level = "silent"
    alarm: Level = "always"
    has_holds: bool = False
    has_chart: bool = True
    status_bars: int = 6
    quiet_hours: str = ""
    zone: str = "UTC"
    expiry_hours: int = 168
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """The simulated market of `semsig run`."""

    seed: int = 17
    symbols: tuple[str, ...] = ("BTC/USDC", "ETH/USDC", "SOL/USDC")
    history_days: int = 90
    speed: float = 720.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """What `cdk deploy` makes of the account it is given."""

    stage: str = "dev"
    chroma_digest: str = ""
    is_spot: bool = False
    is_public: bool = False
    budget_usd: Decimal = Decimal(20)
    alarm_email: str = ""
    log_days: int = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, in force."""

    exchange: str = "binance"
    market_kind: MarketKind = MarketKind.SPOT
    symbols: tuple[str, ...] = ("BTC/USDC",)
    timeframe: Timeframe = Timeframe.H4
    candle_limit: int = 999
    min_bars: int = 200
    min_completeness_ratio: float = 0.9
    decision_delay_s: float = 0.0
    home: str = ".semsig"
    port: int = 8000
    takeover_s: float = 60.0
    paper: Paper = field(default_factory=Paper)
    risk: Risk = field(default_factory=Risk)
    memory: Memory = field(default_factory=Memory)
    model: Model = field(default_factory=Model)
    google: Google = field(default_factory=Google)
    openrouter: OpenRouter = field(default_factory=OpenRouter)
    blockrun: BlockRun = field(default_factory=BlockRun)
    budget: Budget = field(default_factory=Budget)
    collect: Collect = field(default_factory=Collect)
    context: Context = field(default_factory=Context)
    news: News = field(default_factory=News)
    discord: Discord = field(default_factory=Discord)
    simulation: Simulation = field(default_factory=Simulation)
    cloud: Cloud = field(default_factory=Cloud)

    @property
    def decider(self) -> str:
        """Who is asked first, as people would say it."""
        match self.model.provider:
            case "analyst":
                return "rules-analyst"
            case "google":
                return self.google.model
            case "openrouter":
                return self.openrouter.model
            case "blockrun":
                return self.blockrun.model
            case "all":
                return f"{self.google.model} and others"
            case _:
                return self.model.name

    @property
    def pairs(self) -> tuple[Symbol, ...]:
        return tuple(Symbol.parse(symbol) for symbol in self.symbols)
