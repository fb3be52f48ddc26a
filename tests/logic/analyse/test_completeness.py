"""How much of what a cycle should know it knows."""

from dataclasses import replace

import pytest
from world import RULES, bars, path

from semanticsignal.domain.collected import Around, Market, Part
from semanticsignal.logic.analyse.completeness import WEIGHTS, score_ratio

TAPE = bars(path([100] * 11))
BARE = Market("id", TAPE.symbol, TAPE.timeframe, TAPE.closed_at, TAPE, RULES)
ALL = replace(BARE, around=Around(asked=tuple(Part)))


def test_every_part_weighs_something_and_the_bars_most() -> None:
    assert set(WEIGHTS) == set(Part)
    assert sum(WEIGHTS.values()) == pytest.approx(0.5)


def test_what_nobody_can_tell_is_not_missing() -> None:
    assert score_ratio(BARE) == 1
    assert score_ratio(ALL) == 1
    assert score_ratio(replace(BARE, around=Around(missing={Part.FUNDING.value: "no perpetual"}))) == 1


def test_what_was_asked_for_in_vain_is_missing_by_its_weight() -> None:
    without_book = replace(ALL, around=replace(ALL.around, missing={Part.BOOK.value: "crossed"}))

    assert score_ratio(without_book) == pytest.approx(0.9)


def test_bars_count_by_the_share_that_is_there() -> None:
    holes = replace(TAPE, **{name: [*getattr(TAPE, name)[:5], *getattr(TAPE, name)[6:]] for name in
                             ("opened_ms", "open", "high", "low", "close", "volume")})  # fmt: skip

    assert score_ratio(replace(BARE, candles=holes)) == pytest.approx(0.9)
    assert score_ratio(replace(ALL, candles=holes)) == pytest.approx(0.95)
