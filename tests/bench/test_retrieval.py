"""The benchmark of the memory: moments as the product sees them, neighbors that were told by then, honest figures."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import tape

from bench import aging, moments, neighbors, retrieval, sentences
from bench.moments import NAMES, SPLIT_MS, Eye, Lives, Moments, Mood
from semanticsignal.domain.market import Candles, Symbol, Timeframe, epoch_ms
from semanticsignal.logic.analyse.conditions import conditions
from semanticsignal.logic.analyse.snapshot import snapshot
from semanticsignal.logic.decide import recall
from semanticsignal.logic.decide.recall import SCALE, vector

SHIFT_MS = epoch_ms(datetime(2024, 1, 1, tzinfo=UTC)) - epoch_ms(datetime(2022, 2, 1, tzinfo=UTC))
WINDOW = 999
ANEW = "make memory writes it anew"


def walked(bars: int, seed: int, coin: str = "BTC") -> Candles:
    """From February 2022 on."""
    frame = tape.frames(bars, seed, finer=())[Timeframe.H4]
    columns = [frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume")]
    opened = (frame["ts"].to_numpy() - SHIFT_MS).tolist()
    return Candles(Symbol(coin, "USDT"), Timeframe.H4, "made", opened, *columns)


def moods(candles: Candles) -> Mood:
    """Another each day, stamped at midnight."""
    first = candles.opened_ms[0] - 4 * moments.DAY_MS
    days = len(candles) // 6 + 6
    return Mood(first + np.arange(days) * moments.DAY_MS, np.random.default_rng(3).integers(5, 95, days).astype(float))


@pytest.fixture(scope="module")
def made() -> Lives:
    """Two coins of 700 days; half of it before 2023."""
    found = [
        moments.lives(candles, coin, moods(candles), np.random.default_rng(coin), 150)
        for coin, candles in enumerate((walked(4200, 1), walked(4200, 2, "ETH")))
    ]
    return Lives(moments.together([one.grid for one in found]), moments.together([one.asked for one in found]))


def few(*, coin: list[int], told_days: list[float], atr: list[float] | None = None) -> Moments:
    """Moments at day 0 … with nothing of interest but what is said."""
    size = len(coin)
    numbers = np.full((size, len(NAMES)), np.nan)
    numbers[:, NAMES.index("atr_log")] = atr or [-4.0] * size
    points = neighbors.scaled(numbers, SCALE)
    told = (np.array(told_days) * moments.DAY_MS).astype(np.int64)
    zeros, falls = np.zeros(size), np.zeros(size, dtype=bool)
    words = np.zeros((size, len(moments.WORDS)), dtype=np.int64)
    return Moments(np.array(coin), told - 7 * moments.DAY_MS, points, numbers, words, zeros, zeros, falls, told)


def at_day(day: float, *, coin: int = 0) -> Moments:
    one = few(coin=[coin], told_days=[day])
    return one._replace(closed_ms=one.told_ms)


def same_as_whole(candles: Candles, feeling: Mood, rows: Iterator[int]) -> None:
    eye = Eye(candles, feeling)
    for row in rows:
        window = candles[row + 1 - WINDOW : row + 1]
        whole = snapshot(moments.market(window, feeling.at(candles.opened_ms[row])), window.closed_at)

        quick, slow = (
            np.array([_float(conditions(one).numbers[name]) for name in NAMES]) for one in (eye.snapshot(row), whole)
        )

        assert quick == pytest.approx(slow, rel=1e-6, abs=1e-9, nan_ok=True)


def test_conditions_are_those_of_a_whole_snapshot() -> None:
    candles = walked(1300, 5)

    same_as_whole(candles, moods(candles), iter(range(WINDOW, 1300, 59)))


def test_conditions_of_recorded_bars_are_those_of_a_whole_snapshot(recorded_data: Path) -> None:
    candles, feeling = moments.tape(recorded_data, "SOL"), moments.mood(recorded_data)

    same_as_whole(candles, feeling, iter(range(WINDOW, len(candles), 1501)))


def test_what_came_after_changes_no_condition() -> None:
    candles = walked(900, 5)
    later = replace(candles, close=np.concatenate([candles.close[:800], np.asarray(candles.close[800:]) * 0.9]))
    feeling = moods(candles)

    one, other = (Eye(each, feeling).moments(0, np.array([799])) for each in (candles, later))

    assert np.array_equal(one.numbers, other.numbers, equal_nan=True)
    assert one.swing[0] != other.swing[0]


def test_a_moment_is_its_close_and_is_told_42_bars_later() -> None:
    candles = walked(900, 5)

    one = Eye(candles, moods(candles)).moments(1, np.array([799]))

    assert one.closed_ms.tolist() == [candles.opened_ms[800]]
    assert one.told_ms.tolist() == [candles.opened_ms[842]]
    assert one.rose.tolist() == [candles.close[841] > candles.close[799]]


def test_the_mood_is_the_newest_stamped_at_or_before_the_open() -> None:
    feeling = Mood(np.array([1000, 2000]), np.array([20.0, 70.0]))

    assert [feeling.at(ms) for ms in (999, 1000, 1999, 2000)] == [None, 20.0, 20.0, 70.0]


def test_volatility_is_that_of_the_bars_after() -> None:
    close = np.exp(np.array([0.0, 0.5, 0.5, 0.8, 0.4]))

    found = moments.swing(close, np.array([0, 2]), 2)

    assert found == pytest.approx([np.log(np.sqrt((0.25 + 0.0) / 2)), np.log(np.sqrt((0.09 + 0.16) / 2))])


def test_nothing_remembered_was_told_after_2022_and_nobody_asks_before(made: Lives) -> None:
    on = retrieval.setting(made)

    assert 0 < on.remembered.size < made.grid.size
    assert on.remembered.told_ms.max() <= SPLIT_MS <= on.asked.closed_ms.min()


def test_a_year_earlier_neither_overlaps() -> None:
    grid = few(coin=[0, 0], told_days=[(retrieval.PAST_MS / moments.DAY_MS), (SPLIT_MS / moments.DAY_MS)])

    on = retrieval.before(Lives(grid, grid))

    assert on.remembered.told_ms.tolist() == [retrieval.PAST_MS]
    assert on.asked.told_ms.tolist() == [SPLIT_MS]


def test_ours_finds_whom_the_product_finds(made: Lives) -> None:
    on = retrieval.setting(made)
    way = neighbors.product("ours")

    rows = neighbors.found(way, on.asked, on.remembered, is_own=False)

    for asked in range(0, on.asked.size, 40):
        alike = np.array([recall.likeness(on.asked.points[asked], other) for other in on.remembered.points])
        assert alike[rows[asked]] == pytest.approx(np.sort(alike)[::-1][: neighbors.K], abs=1e-6)


def test_the_scale_of_the_product_makes_the_vectors_of_the_product(made: Lives) -> None:
    assert neighbors.scaled(made.asked.numbers, SCALE) == pytest.approx(made.asked.points)


def test_an_extreme_is_clipped_and_what_is_unknown_stands_at_the_center() -> None:
    numbers = np.full((1, len(NAMES)), np.nan)
    numbers[0, NAMES.index("rsi")], numbers[0, NAMES.index("atr_log")] = 1e9, 1e9

    (found,) = neighbors.scaled(numbers, SCALE)

    assert dict(zip(NAMES, found.tolist(), strict=True)) == dict.fromkeys(NAMES, 0.0) | {"rsi": 4.0, "atr_log": 8.0}


def test_constants_are_fitted_as_told() -> None:
    some = few(coin=[0] * 5, told_days=[0.0] * 5, atr=[-5.0, -4.5, -4.0, -3.5, -3.0])
    some.numbers[:, NAMES.index("weekend")] = [0, 0, 0, 0, 1]

    fit = neighbors.fitted(some)

    assert fit["atr_log"] == pytest.approx((-4.0, 1.0 / 1.349 / 2))
    assert neighbors.even(fit)["atr_log"] == pytest.approx((-4.0, 1.0 / 1.349))
    assert fit["weekend"] == pytest.approx((0.2, 0.4))
    assert fit["pressure"] == SCALE["pressure"]


def test_a_sentence_says_nine_words_and_one_less_without() -> None:
    words = np.array([[2, 2, 2, 2, 1, 2, 2, 1, 3]])

    (whole,), (less,) = sentences.sentences(words), sentences.sentences(words, "volatility")

    assert whole == (
        "BULLISH + High ADX + HIGH volatility + RSI overbought + MACD bullish + volume high + near upper band"
        " + weekend + greed"
    )
    assert less == whole.replace("HIGH volatility + ", "")


def test_words_turn_at_their_edges() -> None:
    at = {"di_difference": 5, "adx": 25, "atr_log": np.log(0.0299), "rsi": 69.9, "macd_atr": -0.01, "volume_log": 0.0,
          "bollinger": 0.9, "weekend": 1, "sentiment": 25}  # fmt: skip
    numbers = np.array([[at.get(name, np.nan) for name in NAMES]])

    (said,) = sentences.sentences(moments.words(numbers))

    assert said == (
        "BULLISH + High ADX + MEDIUM volatility + RSI neutral + MACD bearish + volume normal + near upper band"
        " + weekend + extreme fear"
    )


def test_a_model_reads_each_sentence_once() -> None:
    read: list[str] = []

    def embed(texts: object) -> sentences.Point:
        assert isinstance(texts, list)
        read.extend(texts)
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    said = sentences.Said(embed)

    assert said.points(["aa", "b", "aa"]).ravel().tolist() == [2, 1, 2]
    assert said.points(["b", "cccc"]).ravel().tolist() == [1, 4]
    assert read == ["aa", "b", "cccc"]


def test_without_its_package_a_model_says_how_to_get_it() -> None:
    with pytest.raises(SystemExit, match=r"needs no_such_package, was without; make memory brings it"):
        sentences._folder("no_such_package")


def test_who_says_the_same_is_found_in_no_order() -> None:
    remembered = few(coin=[0] * 200, told_days=[0.0] * 200)
    asked = moments.together([at_day(1)] * 30)

    rows = neighbors.found(neighbors.one_hot("words"), asked, remembered, is_own=True)

    assert len(np.unique(rows)) > 100


def test_a_family_left_out_is_no_part_of_likeness() -> None:
    one, other = (few(coin=[0], told_days=[0.0], atr=[atr]) for atr in (-3.0, -6.0))
    way = neighbors.product("ours")

    assert not np.array_equal(way.points(one, None), way.points(other, None))
    assert np.array_equal(way.points(one, "volatility"), way.points(other, "volatility"))


def test_the_floors_hold_only_what_was_told_by_then() -> None:
    remembered = few(coin=[0] * 30, told_days=[float(day) for day in range(30)])
    asked = at_day(19.5)

    (last,) = neighbors.newest(asked, remembered, is_own=True)
    (any_of,) = neighbors.by_chance(asked, remembered, is_own=True)

    assert last.tolist() == list(range(19, 9, -1))
    assert any_of.max() <= 19


def test_candidates_are_the_most_alike_of_those_told_by_then() -> None:
    atr = [-4.0 + 0.01 * day for day in range(30)]
    remembered = few(coin=[0, 1] * 15, told_days=[float(day) for day in range(30)], atr=atr)
    way = neighbors.numbers("distance", SCALE)._replace(is_distance=True)

    own = aging.candidates(way, at_day(19.5), remembered, aging.Search(is_own=True, fetched=4))
    every = aging.candidates(way, at_day(19.5), remembered, aging.Search(is_own=False, fetched=4))

    assert own.rows.tolist() == [[0, 2, 4, 6]]
    assert every.rows.tolist() == [[0, 1, 2, 3]]
    assert every.fresh[0] == pytest.approx(2.0 ** -((19.5 - np.arange(4)) / 90))


def test_where_fewer_were_told_the_rest_is_nobody() -> None:
    remembered = few(coin=[0] * 12, told_days=[float(day) for day in range(12)])

    some = aging.candidates(neighbors.product("ours"), at_day(4), remembered, aging.Search(is_own=True, fetched=8))

    assert np.isfinite(some.alike).tolist() == [[True] * 5 + [False] * 3]


def test_a_smaller_memory_is_even_over_what_was_told() -> None:
    told, coin = np.arange(20), np.array([0, 1] * 10)

    kept = aging._thin(np.array([19, 3]), told, coin, 5)

    assert np.flatnonzero(kept[0]).tolist() == [2, 3, 6, 7, 10, 11, 14, 15, 18, 19]
    assert np.flatnonzero(kept[1]).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("likeness alone", [0.8, 0.4, 0.0]),
        ("as it is", [0.9, 0.7, 0.5]),
        ("p1 to p99", [1.0, 0.5, 0.0]),
        ("min to max", [1.0, 0.5, 0.0]),
        ("rank", [1.0, 0.5, 0.0]),
        ("z-scores", [1.5**0.5, 0.0, -(1.5**0.5)]),
    ],
)
def test_likeness_is_moved_as_told(name: str, wanted: list[float]) -> None:
    alike, fresh = np.array([[0.8, 0.4, 0.0, -np.inf]]), np.array([[0.1, 0.2, 0.3, 0.0]])

    moved, _ = aging.RESCALES[name](alike, fresh, (0.1, 0.7))

    assert moved[0, :3] == pytest.approx(wanted)


def test_the_newer_of_two_that_are_as_alike_comes_first() -> None:
    alike = np.full((1, 12), 0.5)
    some = aging.Candidates(np.arange(12)[None], alike, np.linspace(0.0, 1.0, 12)[None])

    for name in ("as it is", "min to max"):
        assert aging.ranked(some, aging.RESCALES[name], (0.0, 1.0))[0].tolist() == list(range(11, 1, -1))


def test_a_share_of_rises_has_the_auc_of_all_pairs() -> None:
    chance = np.random.default_rng(1)
    rises, rose = chance.integers(0, 11, 300), chance.random(300) < 0.4
    pairs = [(up > down) + (up == down) / 2 for up in rises[rose] for down in rises[~rose]]

    found = neighbors.Months(np.repeat(np.arange(30), 10)).auc(rises, rose)

    assert found.value == pytest.approx(np.mean(pairs))


def test_a_mean_drawn_by_months_is_as_uncertain_as_the_months_are_different() -> None:
    month = np.repeat(np.arange(30), 50)
    of_month = np.random.default_rng(2).normal(0, 1, 30)

    found = neighbors.Months(month).mean(of_month[month])

    assert found.value == pytest.approx(of_month.mean())
    assert found.drawn.std() == pytest.approx(of_month.std() / 30**0.5, rel=0.1)


def test_months_are_drawn_alike_so_that_what_is_the_same_has_no_difference() -> None:
    month, values = np.repeat(np.arange(10), 5), np.random.default_rng(2).normal(size=50)

    one, other = (neighbors.Months(month).mean(values + off) for off in (0.25, 0.0))

    assert (one - other).told("+") == "+0.250 [+0.250, +0.250]"
    assert [(one - other).side(), (other - one).side(), (one - one).side()] == [1, -1, 0]


def test_neighbors_are_marked_by_hand() -> None:
    log = np.log
    remembered = few(coin=[0, 0], told_days=[0.0, 2.0])._replace(
        swing=log(np.array([1.0, 3.0])), rose=np.array([True, False]), words=np.array([[0] * 9, [1] + [0] * 8])
    )
    asked = at_day(10)._replace(swing=log(np.array([4.0])), rose=np.array([True]))

    found = neighbors.marks(asked, remembered, np.array([[0, 0, 0, 1]]))

    assert found.swing == pytest.approx(log(4.0) - log(1.5))
    assert found.regime.tolist() == [0.75]
    assert found.brier == pytest.approx(0.25**2 - 0.5**2)
    assert found.age == pytest.approx(9.5)


def test_what_is_left_out_is_as_far_off_in_anybody_as_in_anybody(made: Lives) -> None:
    on = retrieval.setting(made)

    def chance(_: str) -> np.ndarray:
        return neighbors.by_chance(on.asked, on.remembered, is_own=True)

    assert neighbors.held_out(on.asked, on.remembered, chance, is_own=True).mean() == pytest.approx(1.0, abs=0.05)


def test_the_protocol_runs_on_made_candles(made: Lives) -> None:
    on = retrieval.setting(made)
    ways = retrieval.plain_ways(on.remembered)

    every = {name: retrieval.tried(way, on, is_own=True) for name, way in ways.items()}
    every |= retrieval.floors(on, is_own=True)
    told = retrieval.table(every, on.months, is_own=True)
    some = retrieval.aged(ways["ours"], made, aging.Search(is_own=False, size=50), (-0.8, 0.8))

    assert [told.count(f"| {name} |") for name in ways] == [2 if name != "ours" else 1 for name in ways]
    assert every["ours"].held is not None and every["ours"].held.mean() < 1
    assert every["nine words, one-hot"].regime.mean() > every["by chance"].regime.mean()
    assert some["as it is"].age.mean() < some["rank"].age.mean() < some["likeness alone"].age.mean()


@pytest.mark.parametrize("name", ["ours", "nine words, one-hot"])
def test_the_page_says_what_the_command_writes(recorded_data: Path, name: str) -> None:
    on = retrieval.setting(moments.recorded(recorded_data, retrieval.SEED, retrieval.ASKING))
    way = retrieval.plain_ways(on.remembered)[name]
    page = retrieval.PAGE.read_text(encoding="utf-8")

    made_now = retrieval.line(name, retrieval.tried(way, on, is_own=True), on.months)

    section = page[page.index("## Neighbors of the same coin") :]
    written = next(line for line in section.splitlines() if line.startswith(f"| {name} |"))
    assert _figures(made_now) == pytest.approx(_figures(written), abs=0.0025), "make memory writes it anew"


def test_the_page_tells_the_constants_that_are_in_use() -> None:
    page = retrieval.PAGE.read_text(encoding="utf-8")

    for name, (center, spread) in list(SCALE.items())[:-1]:
        assert f"| {name} | {center:.2f}, {spread:.2f} |" in page, ANEW


def test_every_condition_of_the_product_is_measured() -> None:
    first = conditions(Eye(walked(700, 5), Mood(np.array([0]), np.array([50.0]))).snapshot(650))

    assert len(vector(first)) == len(NAMES)
    assert {name for name, value in first.numbers.items() if value is None} == {moments.NEVER_KNOWN}


def _float(value: float | None) -> float:
    return np.nan if value is None else value


def _figures(line: str) -> list[float]:
    return [float(figure.replace(",", "")) for figure in re.findall(r"[+-]?\d[\d,]*\.?\d*(?=[\s\],|])", line)][:-1]
