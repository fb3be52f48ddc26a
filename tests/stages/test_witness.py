"""Money moves on what two venues saw: a wick that one venue alone prints stops nobody out, a true crash does."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from world import BTC, H4, M1, MONDAY, CycleModel, Row, bars, close, coarser, cycle, path, says, story, subjects, tick

from semanticsignal.adapters.failover import Failover
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.ledger import Opening
from semanticsignal.domain.market import Timeframe, TradingRules
from semanticsignal.ports import Sockets
from tests.several import Exchange, among

# twelve hours of minutes that hardly move
MINUTES = path([100, 100.05] * 360 + [100], wick=0.01)
ENTRY = MONDAY + H4
BUY = {cycle(BTC, ENTRY): says("BUY", 97, 106)}
LATER = 300  # a minute after the entry


def fell(row: int, low: float, rows: list[Row] = MINUTES) -> list[Row]:
    opened, high, _, last = rows[row]
    return [*rows[:row], (opened, high, low, last), *rows[row + 1 :]]


def exchange(name: str, rows: list[Row] = MINUTES, lacking: Iterable[int] = ()) -> Exchange:
    fine = bars(rows, timeframe=Timeframe.M1)
    names = ("opened_ms", "open", "high", "low", "close", "volume")
    gone = set(lacking)
    left = {name: [v for row, v in enumerate(getattr(fine, name)) if row not in gone] for name in names}
    return Exchange(name, replace(fine, **left), coarser(bars(MINUTES, timeframe=Timeframe.M1), Timeframe.H4))


async def bought(*exchanges: Exchange) -> Sockets:
    on = among(*exchanges, model=CycleModel(BUY), min_bars=1)
    await tick(on, ENTRY)
    await close(on, ENTRY)
    return on


async def test_a_wick_that_one_venue_alone_prints_stops_nobody_out() -> None:
    on = await bought(exchange("one", fell(LATER, 50)), exchange("two"), exchange("three"))

    await tick(on, MONDAY + 500 * M1)

    assert await story(on) == ["OrderPlaced", "PositionOpened"]
    (position,) = (await on.ledger.portfolio()).positions
    assert position.lowest_price > 99


async def test_a_crash_that_another_venue_saw_stops_at_the_stop() -> None:
    on = await bought(exchange("one", fell(LATER, 95)), exchange("two", fell(LATER + 1, 96)), exchange("three"))

    await tick(on, MONDAY + 500 * M1)

    assert await story(on) == ["OrderPlaced", "PositionOpened", "PositionClosed"]
    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason == "stop"
    assert Decimal("96.9") < closing.fill.price <= 97


async def test_the_third_venue_decides_between_two_that_differ() -> None:
    crash = fell(LATER, 95)
    on = await bought(exchange("one", crash), exchange("two"), exchange("three", crash))

    await tick(on, MONDAY + 500 * M1)

    assert (await story(on))[-1] == "PositionClosed"


async def test_while_nobody_else_can_be_asked_a_sharp_move_waits_and_loses_nothing() -> None:
    one, two = exchange("one", fell(LATER, 95)), exchange("two", fell(LATER, 95))
    on = await bought(one, two)
    two.is_silent = True

    with pytest.raises(Unavailable, match="BTC/USDC cannot be watched"):
        await tick(on, MONDAY + (LATER + 10) * M1)
    assert (await story(on))[-1] == "PositionOpened"
    two.is_silent = False

    await tick(on, MONDAY + 500 * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.closed_at == MONDAY + LATER * M1 + M1 - timedelta(milliseconds=1)


async def test_a_stop_is_met_in_the_end_though_nobody_else_can_ever_be_asked() -> None:
    one, two = exchange("one", fell(LATER, 95)), exchange("two")
    on = await bought(one, two)
    two.is_silent = True

    with pytest.raises(Unavailable):
        await tick(on, MONDAY + (LATER + 14) * M1)
    await tick(on, MONDAY + (LATER + 16) * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.closed_at == MONDAY + LATER * M1 + M1 - timedelta(milliseconds=1)


async def test_a_minute_that_the_other_venue_has_not_published_yet_is_waited_for() -> None:
    crash = fell(LATER, 95)
    on = await bought(exchange("one", crash), exchange("two", crash, lacking=range(LATER - 1, 720)))

    with pytest.raises(Unavailable, match="that nobody else tells of yet"):
        await tick(on, MONDAY + (LATER + 2) * M1)
    await tick(on, MONDAY + (LATER + 10) * M1)

    assert (await story(on))[-1] == "PositionClosed"


async def test_a_pair_that_one_venue_alone_lists_needs_no_witness() -> None:
    other = Exchange("two", bars(MINUTES, timeframe=Timeframe.M1, symbol=replace(BTC, base="ETH")))
    on = await bought(exchange("one", fell(LATER, 95)), other)

    await tick(on, MONDAY + 500 * M1)

    assert (await story(on))[-1] == "PositionClosed"


# --- The price of an order ------------------------------------------------------------------------------------------


def opening_at(price: float) -> list[Row]:
    """The minute after the decision opens elsewhere, and comes back."""
    _, high, low, last = MINUTES[240]
    return [*MINUTES[:240], (price, max(high, price), min(low, price), last), *MINUTES[241:]]


async def test_an_order_fills_at_the_price_that_two_venues_tell_alike() -> None:
    on = await bought(exchange("one"), exchange("two", opening_at(100.3)))

    await tick(on, ENTRY + M1)

    (opened,) = await subjects(on, "PositionOpened")
    assert isinstance(opened, Opening) and Decimal(100) < opened.fill.price < Decimal("100.05")


async def test_an_order_does_not_fill_at_a_price_that_no_other_venue_saw() -> None:
    on = await bought(exchange("one", opening_at(99)), exchange("two"), exchange("three"))

    await tick(on, ENTRY + M1)

    (opened,) = await subjects(on, "PositionOpened")
    assert Decimal(100) < opened.fill.price < Decimal("100.05")


async def test_an_order_waits_while_no_two_venues_agree_and_then_expires() -> None:
    on = await bought(exchange("one", opening_at(98.5)), exchange("two"), exchange("three", opening_at(102)))

    with pytest.raises(Unavailable, match=r"is disputed: one 98\.5, two 100, three 102"):
        await tick(on, ENTRY + M1)

    assert await story(on) == ["OrderPlaced"]


async def test_an_order_waits_while_the_second_venue_is_silent_and_fills_at_the_price_of_then() -> None:
    one, two = exchange("one"), exchange("two")
    on = among(one, two, model=CycleModel(BUY), min_bars=1)
    await tick(on, ENTRY)
    two.is_silent = True

    await close(on, ENTRY)
    with pytest.raises(Unavailable, match="BTC/USDC cannot be watched"):
        await tick(on, ENTRY + M1)
    assert await story(on) == ["OrderPlaced"]
    two.is_silent = False
    await tick(on, ENTRY + 3 * M1)

    (opened,) = await subjects(on, "PositionOpened")
    assert opened.fill.filled_at == ENTRY


async def test_a_fill_says_whose_price_it_was() -> None:
    one, two, three = (exchange(name, fell(LATER, 95)) for name in ("one", "two", "three"))
    on = await bought(one, two, three)
    one.is_silent = True

    await tick(on, MONDAY + 500 * M1)

    (opened,), (closing,) = await subjects(on, "PositionOpened"), await subjects(on, "PositionClosed")
    assert (opened.fill.source, closing.fill.source) == ("one", "two")


async def test_what_opens_a_position_waits_for_a_witness_until_its_order_expires_and_what_closes_one_does_not() -> None:
    script = {**BUY, cycle(BTC, ENTRY + H4): says("CLOSE")}
    one, two = exchange("one"), exchange("two")
    on = among(one, two, model=CycleModel(script), min_bars=1)
    await tick(on, ENTRY)
    await close(on, ENTRY)
    two.is_silent = True
    await tick(on, ENTRY + H4)
    await close(on, ENTRY + H4)

    with pytest.raises(Unavailable):
        await tick(on, ENTRY + H4 + 14 * M1)
    await tick(on, ENTRY + H4 + 16 * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert (closing.trade.exit_reason, closing.fill.filled_at) == ("signal", ENTRY + H4)


async def test_an_entry_that_no_second_venue_confirms_expires_unfilled() -> None:
    one, two = exchange("one"), exchange("two")
    on = among(one, two, model=CycleModel(BUY), min_bars=1)
    await tick(on, ENTRY)
    two.is_silent = True
    await close(on, ENTRY)

    for minutes in (20, 59):
        with pytest.raises(Unavailable):
            await tick(on, ENTRY + minutes * M1)
    await tick(on, ENTRY + 61 * M1)

    assert await story(on) == ["OrderPlaced", "OrderExpired"]


def shifted(rows: list[Row], factor: float) -> list[Row]:
    return [tuple(price * factor for price in row) for row in rows]


def at_level(rows: list[Row], row: int, price: float) -> list[Row]:
    """One minute as a whole somewhere else."""
    return [*rows[:row], (price, price, price, price), *rows[row + 1 :]]


@pytest.mark.parametrize("row", [300, 480])
async def test_a_minute_that_one_venue_tells_elsewhere_stops_nobody_out_also_as_the_first_after_a_mark(
    row: int,
) -> None:
    on = await bought(exchange("one", at_level(MINUTES, row, 95)), exchange("two"), exchange("three"))

    for at in (MONDAY + 480 * M1, MONDAY + 500 * M1):
        await tick(on, at)

    assert (await story(on))[-1] == "PositionOpened"


async def test_a_venue_that_stands_in_at_another_level_stops_nobody_out() -> None:
    one, two = exchange("one"), exchange("two", shifted(MINUTES, 0.96))
    on = await bought(one, two, exchange("three"))
    await tick(on, MONDAY + 260 * M1)
    one.is_silent = True

    for minutes in (300, 330, 500):
        with suppress(Unavailable):
            await tick(on, MONDAY + minutes * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_a_venue_that_stands_in_does_not_judge_anew_what_was_walked_on_the_first() -> None:
    near = [*MINUTES[:250], *shifted(MINUTES[250:251], 0.9735), *MINUTES[251:]]
    lower = shifted(near, 0.996)
    one, two, three = exchange("one", near), exchange("two", lower), exchange("three", lower)
    on = await bought(one, two, three)
    await tick(on, MONDAY + 310 * M1)
    one.is_silent = True

    await tick(on, MONDAY + 311 * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_a_price_that_drifts_away_on_one_venue_alone_stops_nobody_out() -> None:
    down = [100.0]
    for _ in range(6):
        down.append(down[-1] * 0.991)
    rows = [*MINUTES[:LATER], *path(down), *shifted(MINUTES[LATER + 6 :], down[-1] / 100)]
    on = await bought(exchange("one", rows), exchange("two"), exchange("three"))

    await tick(on, MONDAY + 500 * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_an_order_waits_for_a_second_venue_to_tell_of_its_minute() -> None:
    late = [Exchange(name, bars(MINUTES[:240], timeframe=Timeframe.M1)) for name in ("two", "three")]
    on = await bought(exchange("one", opening_at(103)), *late)

    with pytest.raises(Unavailable, match="that nobody else tells of yet"):
        await tick(on, ENTRY + M1)

    assert await story(on) == ["OrderPlaced"]


@pytest.mark.parametrize("gone", [range(0), range(LATER, 720)])
async def test_a_first_venue_that_stands_still_or_falls_silent_keeps_no_stop_from_being_met(gone: range) -> None:
    crash = [*MINUTES[:LATER], *shifted(MINUTES[LATER:], 0.9)]
    on = await bought(exchange("one", lacking=gone), exchange("two", crash), exchange("three", crash))

    await tick(on, MONDAY + (LATER + 7) * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.fill.source == "two" and closing.trade.exit_reason == "stop"


async def test_between_two_venues_that_part_nothing_is_met_and_it_is_said() -> None:
    crash = [*MINUTES[:LATER], *shifted(MINUTES[LATER:], 0.9)]
    on = await bought(exchange("one"), exchange("two", crash))

    with pytest.raises(Unavailable, match=r"the price of BTC/USDC is disputed: one 100.* two 90"):
        await tick(on, MONDAY + (LATER + 7) * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_a_tick_that_no_price_of_the_pair_could_have_moves_no_fill() -> None:
    crash = fell(LATER, 95)
    on = await bought(*(exchange(name, crash) for name in ("one", "two", "three")))
    rules = TradingRules(Decimal(10**6), Decimal("0.001"), Decimal(5))
    liars = [exchange(name, crash) for name in ("one", "two", "three")]
    for liar in liars:
        liar._rules = {BTC: rules}
    market = Failover([(liar.name, liar) for liar in liars], clock=on.clock.now)

    with pytest.raises(Unavailable, match="cannot be the rule of BTC/USDC"):
        await tick(replace(on, market=market), MONDAY + 500 * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_an_entry_that_venues_dispute_expires_and_holds_up_no_mark() -> None:
    on = await bought(exchange("one", opening_at(98.5)), exchange("two"), exchange("three", opening_at(102)))

    for minutes in (300, 480):
        with suppress(Unavailable):
            await tick(on, MONDAY + minutes * M1)

    assert await story(on) == ["OrderPlaced", "OrderExpired"]
    assert (await on.ledger.portfolio()).marked_until == MONDAY + 480 * M1


async def test_a_dispute_of_one_minute_at_a_mark_keeps_no_later_stop_from_being_met() -> None:
    crash = [*MINUTES[:600], *shifted(MINUTES[600:], 0.9)]
    on = await bought(exchange("one", crash), exchange("two", at_level(crash, 479, 98.5)))

    with pytest.raises(Unavailable, match="is disputed"):
        await tick(on, MONDAY + 480 * M1)
    for minutes in (500, 601, 620):
        with suppress(Unavailable):
            await tick(on, MONDAY + minutes * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason == "stop"


async def test_what_closes_a_position_is_the_price_nearest_to_the_decided_one_when_two_dispute_it() -> None:
    script = {**BUY, cycle(BTC, ENTRY + H4): says("CLOSE")}
    lie = [*MINUTES[:480], (70.0, 100.1, 70.0, 100.0), *MINUTES[481:]]
    on = among(exchange("one", lie), exchange("two"), model=CycleModel(script), min_bars=1)
    for at in (ENTRY, ENTRY + H4):
        await tick(on, at)
        await close(on, at)

    for minutes in (481, 490, 496):
        with suppress(Unavailable):
            await tick(on, MONDAY + minutes * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.fill.source == "two" and closing.fill.price > 99


async def test_a_third_venue_is_asked_when_the_second_has_not_traded_in_that_minute() -> None:
    late = Exchange("two", bars(MINUTES[:240], timeframe=Timeframe.M1))
    on = await bought(exchange("one", opening_at(103)), late, exchange("three"), exchange("four"))

    await tick(on, ENTRY + M1)

    (opened,) = await subjects(on, "PositionOpened")
    assert opened.fill.source != "one" and opened.fill.price < 101


@pytest.mark.parametrize("late", [(), (310,)])
async def test_a_third_does_not_judge_anew_either_when_the_one_that_stands_in_is_late(late: tuple[int, ...]) -> None:
    near = [*MINUTES[:250], *shifted(MINUTES[250:251], 0.9735), *MINUTES[251:]]
    lower = shifted(near, 0.996)
    one = exchange("one", near)
    on = await bought(one, exchange("two", lower, lacking=late), exchange("three", lower))
    await tick(on, MONDAY + 310 * M1)
    one.is_silent = True

    for minutes in (310, 311):
        await tick(on, MONDAY + minutes * M1)

    assert (await story(on))[-1] == "PositionOpened"


async def test_a_frozen_first_venue_is_found_out_by_a_third_when_the_second_does_not_trade() -> None:
    crash = [*MINUTES[:LATER], *shifted(MINUTES[LATER:], 0.9)]
    quiet = exchange("two", crash, lacking=range(290, 720))
    on = await bought(exchange("one"), quiet, exchange("three", crash), exchange("four", crash))

    await tick(on, MONDAY + (LATER + 7) * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.exit_reason == "stop"


async def test_a_minute_that_was_waited_for_is_not_lost_when_its_venue_falls_silent() -> None:
    crash = fell(LATER, 95)
    one = exchange("one", crash)
    late = [Exchange(name, bars(crash[: LATER - 1], timeframe=Timeframe.M1)) for name in ("two", "three")]
    on = await bought(one, *late)
    with pytest.raises(Unavailable, match="that nobody else tells of yet"):
        await tick(on, MONDAY + (LATER + 2) * M1)
    one.is_silent = True
    published = [one, *(exchange(name, crash) for name in ("two", "three"))]
    for venue in published:
        venue.now = on.clock.now
    market = Failover([(venue.name, venue) for venue in published], clock=on.clock.now)

    await tick(replace(on, market=market), MONDAY + (LATER + 3) * M1)

    (closing,) = await subjects(on, "PositionClosed")
    assert closing.trade.closed_at == MONDAY + LATER * M1 + M1 - timedelta(milliseconds=1)


async def test_the_worst_that_a_position_saw_is_what_was_believed() -> None:
    down = [100 * 0.991**n for n in range(7)]
    rows = [*MINUTES[:LATER], *path(down), *path([*down[::-1]]), *MINUTES[LATER + 12 :]]
    on = await bought(exchange("one", rows), exchange("two"), exchange("three"))

    await tick(on, MONDAY + 480 * M1)

    (position,) = (await on.ledger.portfolio()).positions
    assert position.lowest_price >= 97


@pytest.mark.parametrize(("minutes", "asked"), [(4, ["fine_candles"]), (5, ["fine_candles", "fine_candles"])])
async def test_from_five_minutes_without_a_trade_on_another_venue_is_asked(minutes: int, asked: list[str]) -> None:
    quiet, other = exchange("one", lacking=range(100, 720)), exchange("two")
    market = Failover([("one", quiet), ("two", other)], clock=lambda: MONDAY + 200 * M1)

    await market.fine_candles(BTC, since=MONDAY + 120 * M1, until=MONDAY + (120 + minutes) * M1)

    assert quiet.asked + other.asked == asked
