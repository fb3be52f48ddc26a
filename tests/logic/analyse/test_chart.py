"""The picture: the same bytes for the same market, at every scale of price, with labels that can be read."""

import asyncio
import hashlib
import subprocess
import sys
from array import array
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from semanticsignal.adapters.candle_files import load
from semanticsignal.domain.collected import Market
from semanticsignal.domain.market import (
    Candles,
    MarketKind,
    Repair,
    Symbol,
    Timeframe,
    TradingRules,
    epoch_ms,
    exact,
)
from semanticsignal.domain.trading import Levels, Position, Side
from semanticsignal.logic.analyse import chart as drawing
from semanticsignal.logic.analyse import chart_below, chart_price, chart_view
from semanticsignal.logic.analyse.chart import chart
from semanticsignal.logic.analyse.chart_sheet import Font, Sheet, known_runs
from semanticsignal.logic.analyse.snapshot import snapshot

START = datetime(2025, 1, 6, tzinfo=UTC)
Box = tuple[float, float, float, float]


def market(
    bars: int = 300, scale: float = 100.0, *, move: float = 0.01, traded: float = 5.0,
    seed: int = 7, timeframe: Timeframe = Timeframe.H4, missing: tuple[int, ...] = (),
) -> Market:  # fmt: skip
    """`missing`: how many bars were lost before each of so many of the newest."""
    dice = np.random.default_rng(seed)
    close = scale * np.exp(np.cumsum(dice.normal(0, 1, bars) * move))
    opened = np.concatenate([close[:1], close[:-1]])
    reach = 1 + move / 2 * dice.uniform(0, 2, bars)
    rows = np.arange(bars)
    for back, lost in enumerate(missing, start=1):
        rows[-back * 7 :] += lost
    times = array("q", (epoch_ms(START) + int(row) * timeframe.ms for row in rows))
    high, low = np.maximum(opened, close) * reach, np.minimum(opened, close) / reach
    columns: list[Any] = [opened, high, low, close, traded * dice.uniform(0, 2, bars)]
    candles = Candles(Symbol("BTC", "USDC"), timeframe, "hand", times, *columns)
    rules = TradingRules(exact(scale).scaleb(-5), Decimal("0.00001"), Decimal(5))
    return Market("id", candles.symbol, candles.timeframe, candles.closed_at, candles, rules)


def on_ticks(shown: Market, tick: str) -> Market:
    """The same with every price a whole number of ticks, as a venue tells them."""
    digits = -int(Decimal(tick).as_tuple().exponent)
    prices = {name: np.round(getattr(shown.candles, name), digits) for name in ("open", "high", "low", "close")}
    rules = replace(shown.rules, price_tick=Decimal(tick))
    return replace(shown, candles=replace(shown.candles, **prices), rules=rules)


def position(market: Market, stop: float = 0.98, target: float | None = 1.03, side: Side = Side.LONG) -> Position:
    entry = exact(market.candles.close[-1])
    at = market.candles.closed_at - timedelta(days=3)
    stop_price = entry * Decimal(str(stop))
    return Position(
        id="p", decision_id="d", symbol=market.symbol, kind=MarketKind.PERP, side=side, quantity=Decimal(1),
        entry_price=entry, entry_fee_quote=Decimal(0), opened_at=at, stop_price=stop_price,
        initial_stop_price=stop_price, target_price=None if target is None else entry * Decimal(str(target)),
        stop_from=at, checked_until=at, funded_until=at, highest_price=entry,
        lowest_price=entry, mark_price=entry,
    )  # fmt: skip


def drawn(market: Market, position: Position | None = None) -> bytes:
    return chart(market, snapshot(market, market.collected_at), position)


def colors(png: bytes) -> set[str]:
    found = Image.open(BytesIO(png)).convert("RGB").getcolors(1 << 24)
    assert found is not None
    return {"#{:02x}{:02x}{:02x}".format(*color) for _, color in found}  # type: ignore[misc]


def nearly(png: bytes, color: str) -> bool:
    """The palette may move a color by a shade."""
    wanted = np.array([int(color[n : n + 2], 16) for n in (1, 3, 5)])
    there = np.array([[int(c[n : n + 2], 16) for n in (1, 3, 5)] for c in colors(png)])
    return bool((np.abs(there - wanted).max(axis=1) <= 8).any())


def sheet(market: Market, position: Position | None = None) -> Sheet:
    return drawing._drawn(market, snapshot(market, market.collected_at), position)


def said(market: Market, position: Position | None = None) -> list[str]:
    return [text.get_text() for text in sheet(market, position).figure.texts]


def boxes(drawn: Sheet) -> dict[str, Box]:
    """Where the renderer puts each text, with the color behind it."""
    renderer = drawn.canvas.get_renderer()  # type: ignore[no-untyped-call]
    found: dict[str, Box] = {}
    for number, text in enumerate(drawn.figure.texts):
        text.update_bbox_position_size(renderer)
        behind = text.get_bbox_patch()
        extent = (behind or text).get_window_extent(renderer)
        found[f"{number} {text.get_text()}"] = (extent.x0, extent.y0, extent.x1, extent.y1)
    return found


def touch(one: Box, other: Box) -> bool:
    slack = 0.5  # half a pixel is the renderer's rounding
    return (
        one[0] < other[2] - slack and other[0] < one[2] - slack
        and one[1] < other[3] - slack and other[1] < one[3] - slack
    )  # fmt: skip


def pixels(png: bytes) -> NDArray[np.int64]:
    """Rows from the bottom, as the drawing counts them."""
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"), dtype=np.int64)[::-1]


def rgb(color: str) -> NDArray[np.float64]:
    return np.array([int(color[n : n + 2], 16) for n in (1, 3, 5)], dtype=np.float64)


def blended(color: str, opacity: float) -> NDArray[np.float64]:
    return rgb(color) * opacity + rgb(chart_view.PANEL) * (1 - opacity)


def share(part: NDArray[np.int64], color: NDArray[np.float64]) -> float:
    """How much of a part of the picture has nearly this color."""
    return float((np.abs(part - color).max(axis=-1) <= 8).mean())


def contrast(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """WCAG 2: 1 … 21."""
    shares = [np.where(c / 255 <= 0.04045, c / 255 / 12.92, ((c / 255 + 0.055) / 1.055) ** 2.4) for c in (one, other)]
    dark, light = sorted(float(each @ [0.2126, 0.7152, 0.0722]) for each in shares)
    return (light + 0.05) / (dark + 0.05)


# --- Every market has a picture ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 107_000.0, 1e6])
@pytest.mark.parametrize("bars", [1, 2, 20, 300])
@pytest.mark.parametrize(("move", "traded"), [(0.01, 5.0), (0.0, 0.0), (1e-7, 1e-9), (0.3, 1e12)])
def test_every_market_has_a_picture_of_full_size_and_little_weight_whose_words_never_touch(
    bars: int, scale: float, move: float, traded: float
) -> None:
    shown = market(bars, scale, move=move, traded=traded)

    picture = sheet(shown, position(shown))
    png = picture.png()

    assert Image.open(BytesIO(png)).size == (1920, 1080)
    assert len(png) <= 150_000
    assert_legible(picture)


def assert_legible(picture: Sheet) -> None:
    found = boxes(picture)
    outside = [name for name, box in found.items() if min(box[:2]) < 0 or box[2] > 1920 or box[3] > 1080]
    assert outside == []
    assert [(a, b) for a, b in combinations(found, 2) if touch(found[a], found[b])] == []
    assert min(float(text.get_fontsize()) / 0.72 for text in picture.figure.texts) >= 11


def test_words_that_touch_would_be_found() -> None:
    picture = sheet(market())
    picture.text(500, 1040, "over the title", Font(chart_view.TEXT))
    picture.text(1900, 500, "beyond the edge", Font(chart_view.TEXT))

    with pytest.raises(AssertionError, match="beyond the edge"):
        assert_legible(picture)
    found = boxes(picture)
    assert [a for a, b in combinations(found, 2) if touch(found[a], found[b]) and "over the title" in b]


@pytest.mark.parametrize("timeframe", Timeframe)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_words_never_touch_in_any_timeframe_with_gaps_and_a_position(timeframe: Timeframe, seed: int) -> None:
    lost = ((), (3,), (1, 40, 2, 7), (1, 1, 1, 1, 1, 1, 300, 1))[seed - 1]
    shown = on_ticks(
        market(seed=seed, timeframe=timeframe, move=(0.002, 0.01, 0.05, 0.2)[seed - 1], missing=lost), "0.01"
    )
    odd = replace(shown, is_simulated=True, is_disputed=True)

    picture = sheet(odd, position(odd, 0.99, 1.01, Side.LONG) if seed % 2 else position(odd, 1.4, 0.2, Side.SHORT))

    assert_legible(picture)


@pytest.mark.parametrize(
    ("bars", "missing"),
    [
        (1, ["SMA 50 needs 50 bars, there is 1", "RSI 14 needs 15 bars, there is 1", "only 1 bar"]),
        (2, ["CMF 20 needs 20 bars, there are 2", "a level or swing needs 15 bars, there are 2", "only 2 bars"]),
        (20, ["SMA 200 needs 200 bars, there are 20", "only 20 bars"]),
        (300, []),
    ],
)
def test_a_short_history_says_what_it_has_too_few_bars_for(bars: int, missing: list[str]) -> None:
    words = "\n".join(said(market(bars)))

    assert all(each in words for each in missing)
    assert ("needs" in words) is bool(missing)


def test_a_market_that_stands_still_says_that_nothing_moved_and_nothing_was_traded() -> None:
    words = "\n".join(said(market(move=0.0, traded=0.0)))

    assert "RSI 14: the price has never moved" in words
    assert "Volume: nothing was traded in these 125 bars" in words
    assert "CMF 20: nothing was traded in 20 bars" in words
    assert "no support or resistance found" in words


def test_a_gap_is_marked_and_counted_only_where_it_is_in_the_picture() -> None:
    assert "4 bars missing at the dotted uprights" in said(market(missing=(1, 3)))
    assert "1 bar missing at the dotted uprights" in said(market(missing=(1,)))
    assert not [words for words in said(market(missing=(0,) * 40 + (5,))) if "missing" in words]


def test_doubtful_bars_and_prices_are_named() -> None:
    shown = market()
    borrowed = replace(shown.candles, repairs=(Repair(shown.candles.opened_ms[-3], "other", "missing"),))

    words = said(replace(shown, candles=borrowed, is_disputed=True))

    assert {"1 bar of another venue", "price disputed"} <= set(words)


REGIMES = {
    "calm": ("BTC/USDT", datetime(2023, 9, 10, tzinfo=UTC), 999, Timeframe.H4),
    "crash": ("BTC/USDT", datetime(2020, 3, 13, 12, tzinfo=UTC), 999, Timeframe.H4),
    "small": ("TRX/USDT", datetime(2020, 3, 14, tzinfo=UTC), 999, Timeframe.H4),
    "first bar": ("BTC/USDT", datetime(2024, 1, 20, tzinfo=UTC), 1, Timeframe.H4),
    "twenty": ("ETH/USDT", datetime(2024, 1, 20, tzinfo=UTC), 20, Timeframe.D1),
}


@pytest.mark.parametrize("name", REGIMES)
def test_recorded_markets_are_legible(name: str, recorded_data: Path) -> None:
    pair, until, limit, timeframe = REGIMES[name]
    symbol = Symbol.parse(pair)
    tape = load(recorded_data / "candles", [symbol], timeframe, MarketKind.SPOT, "binance")
    candles = asyncio.run(tape.candles(symbol, timeframe, until=until, limit=limit))
    rules = asyncio.run(tape.rules(symbol))
    shown = Market("id", symbol, timeframe, until, candles, rules)

    picture = sheet(shown, position(shown))

    assert_legible(picture)
    assert len(picture.png()) <= 150_000


# --- The same bytes ---------------------------------------------------------------------------------------------------


def test_the_same_market_is_the_same_bytes() -> None:
    assert drawn(market(), position(market())) == drawn(market(), position(market()))


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib, runpy, sys; "
        f"test = runpy.run_path({__file__!r}); "
        "sys.stdout.write(hashlib.sha256(test['drawn'](test['market']())).hexdigest()); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )

    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env={
        "PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "1"}).stdout  # fmt: skip

    assert told == hashlib.sha256(drawn(market())).hexdigest()


def test_a_picture_carries_no_date_and_no_name_of_the_program() -> None:
    assert not Image.open(BytesIO(drawn(market()))).info.keys() & {"Software", "Creation Time", "date:create"}


def test_the_newest_125_bars_are_drawn_and_the_means_reach_beyond_them() -> None:
    def with_close(row: int) -> bytes:
        shown = market(400)
        close = shown.candles.close.copy()  # type: ignore[attr-defined]
        close[row] = shown.candles.low[row]
        changed = replace(shown, candles=replace(shown.candles, close=close))
        return chart(changed, snapshot(market(400), shown.collected_at), None)

    untouched, far, behind, within = with_close(0), with_close(20), with_close(274), with_close(300)

    assert far == untouched  # no bar in the picture, no mean of one
    assert untouched not in {behind, within}


# --- What it says -----------------------------------------------------------------------------------------------------


def test_the_title_names_pair_timeframe_source_last_close_and_the_instant() -> None:
    shown = on_ticks(market(), "0.01")

    words = said(shown)

    assert "BTC/USDC  4h" in words
    assert "hand" in words
    assert f"last close {shown.candles.close[-1]:.2f}" in words
    assert f"as of {shown.candles.closed_at:%Y-%m-%d %H:%M} UTC" in words


def test_prices_are_exact_to_the_tick() -> None:
    shown = on_ticks(market(scale=0.00001234, move=0.02), "0.00000001")
    held = position(shown)
    high, low = (max(shown.candles[-125:].high), min(shown.candles[-125:].low))

    words = "\n".join(said(shown, held))

    assert f"last  {shown.candles.close[-1]:.8f}" in words
    assert f"long entry  {held.entry_price:.8f}" in words
    assert f"MAX {high:.8f}" in words and f"MIN {low:.8f}" in words
    assert not [each for each in words.split() if "e-" in each]


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 107_000.0, 1e6])
def test_a_number_beside_the_axis_stands_at_its_price_and_numbers_are_as_round_as_their_steps(scale: float) -> None:
    shown = market(scale=scale)
    view = chart_view.view_of(shown, snapshot(shown, shown.collected_at), None)
    picture = sheet(shown)

    beside = [
        (float(text.get_text().replace(",", "")), text.get_position()[1])
        for text in picture.figure.texts
        if text.get_position()[0] == chart_view.LEFT - 12
        and chart_view.PRICE[0] < text.get_position()[1] < chart_view.PRICE[1]
    ]

    assert 4 <= len(beside) <= 10
    assert all(abs(view.axis.at(price) - y) <= 1 for price, y in beside)
    steps = np.diff([price for price, _ in beside])
    np.testing.assert_allclose(steps, view.axis.step(), rtol=1e-6)


def test_swings_are_named_against_the_one_before_and_the_extremes_carry_their_price() -> None:
    shown = market()
    named = dict(chart_price._named_swings(chart_view.view_of(shown, snapshot(shown, shown.collected_at), None)))

    assert set(named.values()) <= {"HH", "LH", "=H", "HL", "LL", "=L"}  # the first of all is before the picture
    assert len([words for words in said(shown) if words.split()[0] in set(named.values()) | {"MAX", "MIN"}]) >= len(
        named
    )
    assert {side for _, side in named} == {True, False}


def test_a_swing_without_any_room_keeps_its_mark_and_says_nothing() -> None:
    shown, picture = market(), Sheet(chart_view.PAPER)
    view = chart_view.view_of(shown, snapshot(shown, shown.collected_at), None)
    picture.taken.append((0, 0, 1920, 1080))

    chart_price.swing_marks(picture, view)

    assert picture.figure.texts == []
    assert picture.figure.artists


def test_a_swing_that_is_not_confirmed_yet_has_no_mark() -> None:
    """The newest bar is the highest of all: nobody knows yet that the price turns there."""
    shown = market()
    close: Any = np.array(shown.candles.close)
    close[-1] = max(shown.candles.high) * 1.1
    high: Any = np.maximum(np.array(shown.candles.high), close)
    top = replace(shown, candles=replace(shown.candles, close=close, high=high))

    named = chart_price._named_swings(chart_view.view_of(top, snapshot(top, top.collected_at), None))

    assert (124, True) not in dict(named)
    assert [words for words in said(top) if words.startswith("MAX")]


def test_a_simulated_market_says_so_and_a_real_one_does_not() -> None:
    real, simulated = market(), replace(market(), is_simulated=True)

    assert "SIMULATED MARKET" in said(simulated) and nearly(drawn(simulated), chart_view.WARNING)
    assert "SIMULATED MARKET" not in said(real) and not nearly(drawn(real), chart_view.WARNING)


def test_words_of_another_alphabet_are_drawn_without_a_warning() -> None:
    shown = market()
    pair = Symbol("币安人生", "USDC")
    odd = replace(shown, symbol=pair, candles=replace(shown.candles, symbol=pair))

    assert Image.open(BytesIO(drawn(odd))).size == (1920, 1080)


def test_the_longest_pair_still_fits() -> None:
    pair = Symbol("A" * 20, "B" * 19)
    shown = market(scale=1e-8, missing=(5,))
    odd = replace(shown, symbol=pair, candles=replace(shown.candles, symbol=pair, source="simulated coinbase"))

    assert_legible(sheet(replace(odd, is_simulated=True), position(odd)))


def test_a_line_breaks_where_nothing_is_known_and_money_that_turns_goes_through_zero() -> None:
    x, y = np.arange(7.0), np.array([np.nan, 1.0, 3.0, np.nan, 2.0, np.nan, np.nan])

    assert [run.tolist() for run in known_runs(x, y)] == [[[1.0, 1.0], [2.0, 3.0]]]
    at, value = chart_below._with_crossings(np.array([0.0, 1.0, 2.0]), np.array([1.0, -3.0, -1.0]))
    assert (at.tolist(), value.tolist()) == ([0.0, 0.25, 1.0, 2.0], [1.0, 0.0, -3.0, -1.0])


def test_flow_is_a_share_between_minus_one_and_one_that_does_not_hang_on_where_counting_began() -> None:
    views = [chart_view.view_of(m, snapshot(m, START), None) for m in (market(300), market(300, traded=5e9))]

    shares = [chart_below._obv_share(view) for view in views]

    np.testing.assert_allclose(shares[0], shares[1])
    assert shares[0][0] == 0 and (np.abs(shares[0]) <= 1).all()


# --- Colors -----------------------------------------------------------------------------------------------------------


def test_all_words_stand_out_from_what_is_behind_them() -> None:
    shown = replace(market(), is_simulated=True, is_disputed=True)
    paper = [rgb(chart_view.PAPER), rgb(chart_view.PANEL)]
    zones = [blended(chart_view.STOP, 0.16), blended(chart_view.TARGET, 0.16)]

    for text in sheet(shown, position(shown)).figure.texts:
        behind, (x, y) = text.get_bbox_patch(), text.get_position()
        is_inside = chart_view.LEFT < x < chart_view.RIGHT and chart_view.PRICE[0] < y < chart_view.PRICE[1]
        own = [np.array(behind.get_facecolor()[:3]) * 255] if behind else paper + zones * is_inside
        assert min(contrast(rgb(str(text.get_color())), ground) for ground in own) >= 4.5, text.get_text()


def test_rising_and_falling_bars_differ_in_shape_and_in_blue_and_orange() -> None:
    shown = market(20, move=0.05)
    view = chart_view.view_of(shown, snapshot(shown, shown.collected_at), None)
    picture = pixels(drawn(shown))
    ends = [view.axis.y(np.asarray(column, dtype=np.float64)) for column in (shown.candles.open, shown.candles.close)]

    for x, opened, closed in zip(view.x, *ends, strict=True):
        if abs(closed - opened) > 20:
            body = picture[int(min(opened, closed)) + 5 : int(max(opened, closed)) - 5, int(x) - 5 : int(x) + 5]
            assert (share(body, rgb(chart_view.DOWN)) > 0.8) is bool(closed < opened)

    assert (
        contrast(rgb(chart_view.UP), rgb(chart_view.PANEL)) > 4.5
        and contrast(rgb(chart_view.DOWN), rgb(chart_view.PANEL)) > 4.5
    )


# --- The position -----------------------------------------------------------------------------------------------------


def test_an_open_position_shows_its_entry_stop_and_target() -> None:
    with_target = drawn(market(), position(market()))
    without = drawn(market(), position(market(), target=None))
    none = drawn(market())

    assert [nearly(png, chart_view.STOP) for png in (with_target, without, none)] == [True, True, False]
    assert [nearly(png, chart_view.TARGET) for png in (with_target, without, none)] == [True, False, False]
    assert nearly(with_target, chart_view.ENTRY)


@pytest.mark.parametrize("side", Side)
def test_what_may_be_lost_and_won_is_shaded_from_the_entry_on_between_the_prices(side: Side) -> None:
    shown = market(move=0.002)
    held = position(shown, *((0.98, 1.03) if side is Side.LONG else (1.02, 0.97)), side)
    view = chart_view.view_of(shown, snapshot(shown, shown.collected_at), held)
    entry, stop, target = (
        round(view.axis.at(float(price))) for price in (held.entry_price, held.stop_price, held.target_price or 0)
    )
    opened = int(view.x[125 - 18])  # three days of 4h bars before the newest close

    picture = pixels(drawn(shown, held))

    for edge, color in ((stop, chart_view.STOP), (target, chart_view.TARGET)):
        low, high = sorted((entry, edge))
        assert share(picture[low + 3 : high - 3, opened + 2 : 1638], blended(color, 0.16)) > 0.5
        assert share(picture[low + 3 : high - 3, opened - 30 : opened - 2], blended(color, 0.16)) < 0.05
        beyond = picture[edge + 3 : edge + 12] if edge > entry else picture[edge - 12 : edge - 3]
        assert share(beyond[:, opened + 2 : 1638], blended(color, 0.16)) < 0.05


def test_a_stop_that_was_moved_is_shaded_as_it_rested_at_the_time() -> None:
    shown = market(move=0.002)
    held = position(shown, stop=0.99, target=None)
    moved_at = shown.candles.closed_at - timedelta(days=1)
    moved = replace(
        held, stop_from=moved_at, earlier=(Levels(held.opened_at, held.entry_price * Decimal("0.97"), None),)
    )
    view = chart_view.view_of(shown, snapshot(shown, shown.collected_at), moved)
    first, then = int(view.x[125 - 18]), int(view.x[125 - 6])
    below = slice(round(view.axis.at(float(held.stop_price))) - 30, round(view.axis.at(float(held.stop_price))) - 4)

    picture = pixels(drawn(shown, moved))

    assert share(picture[below, first + 2 : then - 2], blended(chart_view.STOP, 0.16)) > 0.5
    assert share(picture[below, then + 2 : 1638], blended(chart_view.STOP, 0.16)) < 0.05


def test_the_result_of_a_position_is_told_in_percent_and_in_risks() -> None:
    shown = on_ticks(market(), "0.01")
    held = replace(position(shown, stop=0.98), entry_price=exact(shown.candles.close[-1]) / Decimal("1.01"))
    held = replace(held, initial_stop_price=held.entry_price * Decimal("0.98"))

    assert [words for words in said(shown, held) if words.endswith("before fees +1.00 % = +0.50 R")]
    assert not [
        words for words in said(shown, replace(held, initial_stop_price=held.entry_price)) if words.endswith(" R")
    ]


@pytest.mark.parametrize("side", Side)
def test_levels_far_beyond_the_bars_do_not_flatten_them(side: Side) -> None:
    shown = market()
    held = position(shown, stop=0.01, target=50.0, side=side)

    axis = chart_view.view_of(shown, snapshot(shown, START), held).axis

    span = max(shown.candles[-125:].high) - min(shown.candles[-125:].low)
    assert axis.high - axis.low <= 2.4 * span
    words = said(shown, held)
    assert [each for each in words if each.startswith("▲ target")] and [e for e in words if e.startswith("▼ stop")]


def test_a_position_older_than_the_picture_is_shaded_from_its_left_edge() -> None:
    shown = market()
    old = replace(position(shown), opened_at=START, stop_from=START)

    view = chart_view.view_of(shown, snapshot(shown, START), old)

    assert {tag.since for tag in view.tags} == {chart_view.LEFT}
