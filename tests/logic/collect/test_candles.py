"""Closed bars that can be believed: what is dropped, what is missed, what is refused."""

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.errors import InvalidCandle, MarketUnavailable
from semanticsignal.domain.market import Candle, Candles, Symbol, Timeframe, epoch_ms, exact, instant
from semanticsignal.logic.collect.candles import closed, expected

NOON = datetime(2025, 6, 25, 12, tzinfo=UTC)
H4 = Timeframe.H4
SPAN = timedelta(hours=4)
MS = timedelta(milliseconds=1)
BTC = Symbol("BTC", "USDC")


def bars(*opened: datetime, timeframe: Timeframe = H4) -> Candles:
    n = len(opened)
    times = array("q", (epoch_ms(at) for at in opened))
    return Candles(BTC, timeframe, "hand", times, [10.0] * n, [12.0] * n, [9.0] * n, [11.0] * n, [1.0] * n)


def row(values: Sequence[float], opened_ms: Sequence[int] = (0,)) -> Candles:
    """Bars of open, high, low, close, volume, all alike."""
    return Candles(BTC, H4, "hand", opened_ms, *([value] * len(opened_ms) for value in values))


# --- Closed --------------------------------------------------------------------------------------------------------


def test_the_bar_still_forming_is_dropped() -> None:
    sent = bars(NOON - SPAN, NOON)

    kept = closed(sent, NOON + timedelta(hours=1))

    assert list(kept.opened_ms) == [epoch_ms(NOON - SPAN)]


def test_a_bar_is_closed_at_its_close_and_not_a_millisecond_sooner() -> None:
    sent = bars(NOON - SPAN, NOON)

    assert len(closed(sent, NOON + SPAN - MS)) == 1
    assert len(closed(sent, NOON + SPAN)) == 2


def test_every_bar_of_the_future_is_dropped() -> None:
    sent = bars(NOON, NOON + SPAN, NOON + 2 * SPAN)

    assert len(closed(sent, NOON)) == 0


def test_what_is_all_closed_stays_as_it_is() -> None:
    sent = bars(NOON - SPAN, NOON)

    assert closed(sent, NOON + 9 * SPAN) is sent


@given(bars_sent=st.integers(0, 30), after_ms=st.integers(-(10**8), 6 * 10**8))
def test_no_bar_that_closes_later_is_ever_kept_and_none_that_closed_is_lost(bars_sent: int, after_ms: int) -> None:
    sent = bars(*(NOON + n * SPAN for n in range(bars_sent)))
    until = NOON + timedelta(milliseconds=after_ms)

    kept = closed(sent, until)

    assert list(kept.opened_ms) == [ms for ms in sent.opened_ms if instant(ms) + SPAN <= until]


# --- Expected ------------------------------------------------------------------------------------------------------


def test_the_expected_bar_lets_all_bars_through() -> None:
    sent = bars(NOON - SPAN, NOON)

    assert expected(sent, NOON + SPAN) is sent


def test_an_expected_bar_that_is_missing_is_said_with_the_newest_there_is() -> None:
    with pytest.raises(MarketUnavailable, match=r"BTC/USDC 4h .*2025-06-25T20:00:00.* was 2025-06-25T16:00:00"):
        expected(bars(NOON - SPAN, NOON), NOON + 2 * SPAN)


def test_a_newest_bar_later_than_expected_is_refused_too() -> None:
    with pytest.raises(MarketUnavailable):
        expected(bars(NOON, NOON + SPAN), NOON + SPAN)


def test_no_bars_at_all_are_none() -> None:
    with pytest.raises(MarketUnavailable, match="was none"):
        expected(bars(), NOON)


# --- Gaps ----------------------------------------------------------------------------------------------------------


def test_gaps_are_the_slots_between_that_hold_no_bar() -> None:
    holed = bars(NOON, NOON + SPAN, NOON + 4 * SPAN, NOON + 6 * SPAN)

    assert holed.gaps == 3
    assert holed.completeness_ratio == pytest.approx(4 / 7)


def test_whole_series_one_bar_and_no_bar_have_no_gap() -> None:
    assert [bars(NOON, NOON + SPAN).gaps, bars(NOON).gaps, bars().gaps] == [0, 0, 0]
    assert [bars(NOON, NOON + SPAN).completeness_ratio, bars(NOON).completeness_ratio] == [1, 1]
    assert bars().completeness_ratio == 0


@given(st.sets(st.integers(0, 400), min_size=1))
def test_bars_and_gaps_fill_the_grid_from_first_to_last(slots: set[int]) -> None:
    series = bars(*(NOON + slot * SPAN for slot in sorted(slots)))

    assert len(series) + series.gaps == max(slots) - min(slots) + 1
    assert 0 < series.completeness_ratio <= 1


# --- Timeframes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at", [datetime(2025, 6, 23, tzinfo=UTC), datetime(2025, 6, 29, 23, 59, 59, 999000, tzinfo=UTC)]
)
def test_a_week_is_from_monday_to_sunday(at: datetime) -> None:
    week = Timeframe.W1.floor(at)

    assert week == datetime(2025, 6, 23, tzinfo=UTC) and week.weekday() == 0


def test_a_millisecond_before_monday_is_the_week_before() -> None:
    assert Timeframe.W1.floor(datetime(2025, 6, 23, tzinfo=UTC) - MS) == datetime(2025, 6, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timeframe", "start"),
    [
        ("1m", "13:37"),
        ("5m", "13:35"),
        ("15m", "13:30"),
        ("1h", "13:00"),
        ("4h", "12:00"),
        ("6h", "12:00"),
        ("1d", "00:00"),
    ],
)
def test_shorter_bars_start_on_utc_boundaries(timeframe: str, start: str) -> None:
    at = datetime(2025, 6, 25, 13, 37, 42, 123456, tzinfo=UTC)

    assert f"{Timeframe(timeframe).floor(at):%Y-%m-%d %H:%M:%S.%f}" == f"2025-06-25 {start}:00.000000"


@given(
    at=st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    timeframe=st.sampled_from(Timeframe),
)
def test_the_floor_is_the_bar_that_holds_the_instant_and_is_its_own_floor(at: datetime, timeframe: Timeframe) -> None:
    start = timeframe.floor(at)

    assert start <= at < start + timeframe.span
    assert timeframe.floor(start) == start


def test_an_instant_and_its_milliseconds_are_the_same_thing() -> None:
    at = datetime(2262, 4, 11, 23, 47, 16, 854000, tzinfo=UTC)

    assert instant(epoch_ms(at)) == at
    assert epoch_ms(datetime(1970, 1, 1, 0, 0, 0, 1999, tzinfo=UTC)) == 1


# --- What cannot be true -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        (10, 12, 9, float("nan"), 1),
        (10, float("inf"), 9, 11, 1),
        (0, 12, 0, 11, 1),
        (10, 12, -1, 11, 1),
        (10, 12, 9, 11, -1),
        (10, 12, 9, 11, float("nan")),
    ],
)
def test_prices_must_be_above_zero_and_finite(values: tuple[float, ...]) -> None:
    with pytest.raises(InvalidCandle, match="row 0: prices must be above zero and finite"):
        row(values).check()


@pytest.mark.parametrize(
    "values", [(10, 10.5, 9, 11, 1), (10, 12, 10.5, 11, 1), (10, 8, 12, 10, 1), (13, 12, 9, 11, 1)]
)
def test_high_and_low_must_bound_open_and_close(values: tuple[float, ...]) -> None:
    with pytest.raises(InvalidCandle, match="row 0: high and low must bound open and close"):
        row(values).check()


def test_a_duplicate_and_a_disorder_are_told_apart_with_their_row() -> None:
    sound, bar = (10, 12, 9, 11, 0), H4.ms

    with pytest.raises(InvalidCandle, match=f"row 2: a duplicate candle, ts was {2 * bar} after {2 * bar}"):
        row(sound, (bar, 2 * bar, 2 * bar)).check()
    with pytest.raises(InvalidCandle, match=f"row 1: out of order candle, ts was {bar} after {2 * bar}"):
        row(sound, (2 * bar, bar)).check()


def test_a_bar_off_its_boundary_is_refused() -> None:
    with pytest.raises(InvalidCandle, match="row 1: a 4h bar opens on its boundary, ts was 18000000"):
        row((10, 12, 9, 11, 0), (H4.ms, H4.ms + 3_600_000)).check()


def test_sound_bars_and_no_bars_are_themselves() -> None:
    flat, none = row((10, 10, 10, 10, 0), (H4.ms, 2 * H4.ms)), row((10, 12, 9, 11, 1), ())

    assert flat.check() is flat
    assert none.check() is none


def test_a_candle_is_the_decimals_the_venue_wrote() -> None:
    candle = row((0.1, 0.30000001, 0.1, 0.2, 3), (epoch_ms(NOON),)).candle(0)

    assert candle == Candle(NOON, NOON + SPAN, *(exact(x) for x in (0.1, 0.30000001, 0.1, 0.2, 3)))
    assert str(candle.high) == "0.30000001"


def test_one_bar_alone_refuses_a_close_above_its_high() -> None:
    with pytest.raises(InvalidCandle, match=r"was open 10\.0 high 10\.5"):
        row((10, 10.5, 9, 11, 1)).candle(0)
