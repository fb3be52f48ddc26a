"""Fear & Greed on loopback: a week of it, each day with its end, and nothing that is no answer."""

import gzip
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.adapters.alternative_me import AlternativeMe
from semanticsignal.adapters.web import Web
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.market import epoch_ms, instant
from tests.feeds import NOON, Told, bent, site

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = NOON - 12 * HOUR


def days(*values: object, newest: datetime = TODAY) -> dict[str, Any]:
    """As the index answers: newest first, numbers as text."""
    at = epoch_ms(newest) // 1_000
    data: list[dict[str, Any]] = [
        {"value": str(value), "value_classification": "Fear", "timestamp": str(at - 86_400 * back)}
        for back, value in enumerate(values)
    ]
    data[0]["time_until_update"] = "43200"
    return {"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}}


WEEK = days(25, 30, 44, 51, 60, 74, 80)


async def read(answer: object, until: datetime = NOON) -> tuple[Reading, ...]:
    return await AlternativeMe(Told(json.dumps(answer).encode()), HOUR).readings(until=until)


async def test_a_week_is_asked_for_and_told_oldest_first() -> None:
    async with site({"/fng/": WEEK}) as there:
        readings = await AlternativeMe(Web(5), HOUR, there.url).readings(until=NOON)

    assert [path for path, _ in there.asked] == ["/fng/?limit=7"]
    assert [int(reading.value) for reading in readings] == [80, 74, 60, 51, 44, 30, 25]
    assert readings[-1] == Reading("fear_greed", Decimal(25), Unit.POINTS, TODAY, TODAY + DAY + HOUR, "alternative.me")
    assert readings[0].true_at == TODAY - 6 * DAY


async def test_no_more_than_a_week_is_kept() -> None:
    readings = await read(days(*range(30)))

    assert [int(reading.value) for reading in readings] == [6, 5, 4, 3, 2, 1, 0]


async def test_what_is_dated_later_is_not_told() -> None:
    assert await read(WEEK, TODAY - timedelta(microseconds=1)) == (await read(WEEK))[:-1]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"data": [], "metadata": {"error": "Too many requests"}}, "Too many requests"),
        (days(101), "data.0.value"),
        (days(-1), "data.0.value"),
        (days("nan"), "data.0.value"),
        ({"data": [{"value": "5"}]}, "data.0.timestamp: Field required"),
        ({"data": [{"value": "5", "timestamp": "yesterday"}]}, "data.0.timestamp"),
        ({"data": [{"value": "5", "timestamp": str(10**12)}]}, "data.0.timestamp"),
        ({}, "data: Field required"),
        ({"data": [0] * 9_000}, "unreadable answer, data.0:"),
    ],
)
async def test_what_is_no_week_is_no_answer(answer: object, words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        await read(answer)


@given(bent(WEEK))
async def test_garbage_is_refused_or_reads_as_an_index(content: bytes) -> None:
    try:
        readings = await AlternativeMe(Told(content), HOUR).readings(until=NOON)
    except Unavailable:
        return

    assert all(0 <= reading.value <= 100 and reading.true_at <= NOON for reading in readings)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=9))
async def test_every_index_is_read_as_it_is(values: list[int]) -> None:
    assert [int(reading.value) for reading in await read(days(*values))] == values[:7][::-1]


async def test_a_recorded_month_reads_as_its_table_says(recorded_data: Path) -> None:
    folder = recorded_data / "fear_greed"
    answer = json.loads((folder / "fng_api_shape_30d.json").read_text())
    until = instant(int(answer["data"][0]["timestamp"]) * 1_000) + HOUR

    readings = await read(answer, until)

    lines = gzip.decompress((folder / "fear_greed_daily.csv.gz").read_bytes()).decode()
    assert len(readings) == 7
    for reading in readings:
        assert any(f"{reading.true_at:%Y-%m-%d}" in line and f"{reading.value}" in line for line in lines.splitlines())
