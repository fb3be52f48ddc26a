"""The world of `semsig run`: simulated, live or recorded, with its clock and who decides in it."""

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .. import wiring
from ..domain.errors import BadInput, MarketUnavailable
from ..domain.market import MarketKind, epoch_ms, instant
from ..domain.policy import Settings
from ..ports import Clock, LanguageModel, Purse
from . import timekeeping, web
from .costs import restored

log = logging.getLogger("semsig")

# Bars between the start of the simulated world and its first decision, beyond those that are analysed.
MARGIN_BARS = 3
# One 4h candle in about two thirds of a second: what one core decides on, with the page still answering.
FASTEST = 21_600.0


def suited(settings: Settings, market: str, speed: str | None) -> Settings:
    """The simulated market speaks as Binance spot. Raises BadInput for what does not go together."""
    if market == "live" and speed is not None:
        raise BadInput(f"--speed is for simulated and recorded markets; a live one runs by itself, was {speed}")
    if market != "simulated":
        return settings
    if settings.market_kind is not MarketKind.SPOT:
        raise BadInput(f"the simulated market is a spot market, was market_kind {settings.market_kind}")
    return replace(settings, exchange="binance")


def holds(settings: Settings, market: str) -> str:
    what = f"simulated market {settings.simulation.seed}" if market == "simulated" else market
    return f"run {what} {settings.market_kind} {settings.timeframe}"


async def with_open_pairs(settings: Settings, held: wiring.Home, recorded: "wiring.Tape | None") -> Settings:
    """A pair that was taken out of the settings is watched until what is open of it has closed."""
    portfolio = await held.ledger.portfolio()
    at_work = {str(p.symbol) for p in portfolio.positions} | {str(o.symbol) for o in portfolio.orders}
    left = sorted(at_work - set(settings.symbols))
    if left and recorded:
        raise BadInput(
            f"something is open in pairs that were not asked for, was {', '.join(left)}; add them to --symbols"
        )
    for pair in left:
        log.warning("%s is no longer asked for but open: it stays until it has closed", pair)
    return replace(settings, symbols=(*settings.symbols, *left))


async def made(
    stack: AsyncExitStack,
    settings: Settings,
    where: tuple[str, "wiring.Tape | None"],
    speed: str | None,
    held: wiring.Home,
) -> wiring.World:
    market, tape = where
    factor = factor_of(settings, speed)
    if market == "simulated":
        return await _simulated(stack, settings, (factor, speed), held)
    if tape is None:
        real = wiring.checked_clock()
        venue = await living(stack, settings, market, real)
        is_confirmed = await timekeeping.judged(real, venue.ahead_s)
        if not is_confirmed and (await held.ledger.portfolio()).marked_until is None:
            # with nothing open there is nothing to watch, and days of history would end at a false now
            said = "no two clocks, of venues or this machine, tell the same time, and this home has lived nothing"
            raise MarketUnavailable(f"{said}; look at the network and at this machine's clock, and start again")
        mind, purse, circuits = await spending(stack, settings, held, real)
        return wiring.World(venue, real, mind, 1.0, purse=purse, circuits=circuits, checked=(real, venue.ahead_s))
    bars = [tape.tape(symbol, settings.timeframe) for symbol in settings.pairs]
    first = max(series.candle(0).opened_at for series in bars)
    lived_from = first + settings.timeframe.span * settings.candle_limit
    wanted = lived_from + timedelta(days=settings.simulation.history_days)
    until = min(wanted, *(series.closed_at for series in bars))
    clock = running(await resumed(held, until), factor, speed)
    mind, purse, circuits = await spending(stack, settings, held, wiring.system_clock())
    return wiring.World(tape, clock, mind, factor, lived_from, until, tape, purse, circuits)


async def spending(
    stack: AsyncExitStack, settings: Settings, held: wiring.Home, real: Clock
) -> "tuple[LanguageModel, Purse | None, list[wiring.Breaker]]":
    """Who decides, what they may cost where they cost anything, and their circuits, until the stack ends. `real`: the
    clock whose days and months the budget is of."""
    purse = None if settings.model.provider == "analyst" else wiring.purse(held.path, held.lease.token)
    if purse:
        stack.callback(purse.close)
        await restored(purse, held.ledger, real.now(), settings.budget)
    circuits: list[wiring.Breaker] = []
    mind = wiring.model(settings, held.path, spending=purse, circuits=circuits, clock=real)
    stack.push_async_callback(mind.close)
    return mind, purse, circuits


async def living(
    stack: AsyncExitStack, settings: Settings, market: str, clock: Clock
) -> "wiring.CcxtMarket | wiring.Failover":
    """The venue of a simulated or a live market at that clock's time, until the stack ends."""
    if market == "simulated":
        from ..simulate import exchange
        from ..simulate.market import SimulatedMarket

        desk = exchange.app(SimulatedMarket(settings.simulation.seed, settings.pairs), lambda: epoch_ms(clock.now()))
        url = await stack.enter_async_context(web.served(desk, web.bound(0)))
        venue = wiring.venue(settings, clock.now, url, is_simulated=True)
        stack.push_async_callback(venue.close)
        return venue
    venue = wiring.venue(settings, clock.now)
    stack.push_async_callback(venue.close)
    await venue.open()
    return venue


async def _simulated(
    stack: AsyncExitStack, settings: Settings, pace: tuple[float, str | None], held: wiring.Home
) -> wiring.World:
    """The simulated venue and the analyst, each behind HTTP on loopback, read through the real plugs."""
    from ..simulate import model
    from ..simulate.market import EPOCH_MS

    span = settings.timeframe.span
    factor, speed = pace
    lived_from = settings.timeframe.floor(instant(EPOCH_MS) + span * (settings.candle_limit + MARGIN_BARS))
    until = settings.timeframe.floor(lived_from + timedelta(days=settings.simulation.history_days))
    clock = running(await resumed(held, until), factor, speed)

    mind_url = await stack.enter_async_context(web.served(model.app(), web.bound(0)))
    venue = await living(stack, settings, "simulated", clock)
    if settings.model.provider == "analyst":
        mind = wiring.served(f"{mind_url}/v1", "rules-analyst", settings.model.timeout_s)
        stack.push_async_callback(mind.close)
        return wiring.World(venue, clock, mind, factor, lived_from, until)
    mind, purse, circuits = await spending(stack, settings, held, wiring.system_clock())
    return wiring.World(venue, clock, mind, factor, lived_from, until, purse=purse, circuits=circuits)


async def resumed(held: wiring.Home, begin: datetime) -> datetime:
    """Where the clock stood when this home was last in use; time never runs back."""
    marked = (await held.ledger.portfolio()).marked_until
    newest = await held.ledger.entries(limit=1, newest_first=True)
    stood = held.ledger.note("clock")
    seen = [begin, *([marked] if marked else []), *(entry.fact.at for entry in newest)]
    return max([*seen, datetime.fromisoformat(stood)] if stood else seen).astimezone(UTC)


def running(at: datetime, factor: float, speed: str | None) -> "wiring.FastClock | wiring.TurnedClock":
    """At full speed time stands still while anything is under way: what is decided, and at what price it is filled,
    does not hang on the machine, and whatever is away for a moment is waited for."""
    return wiring.turned_clock(at, factor) if speed == "max" else wiring.fast_clock(at, factor)


def factor_of(settings: Settings, speed: str | None) -> float:
    if speed is None:
        return settings.simulation.speed
    try:
        factor = FASTEST if speed == "max" else float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= FASTEST:
        raise BadInput(f"--speed is a number above 0 up to {FASTEST:g}, or max, was {speed}")
    return factor
