"""CoinGecko on loopback: sums with their instant, a key in its header only, and nothing that is no answer."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from semanticsignal.adapters.coingecko import CoinGecko
from semanticsignal.adapters.web import Web
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.errors import InvalidSetting, Unavailable
from semanticsignal.domain.market import epoch_ms, instant
from tests.feeds import NOON, Told, bent, site

HOUR = timedelta(hours=1)
TOLD_AT = NOON - timedelta(minutes=7)


def world(**changes: Any) -> dict[str, Any]:
    sums = {
        "active_cryptocurrencies": 9,
        "markets": 3,
        "total_market_cap": {"btc": 3.5, "usd": 2000000000000.25, "eur": 1.5},
        "total_volume": {"btc": 1.0, "usd": 80000000000},
        "market_cap_percentage": {"btc": 58.5, "eth": 8.125, "usdt": 5.0},
        "market_cap_change_percentage_24h_usd": -2.5,
        "updated_at": epoch_ms(TOLD_AT) // 1_000,
    }
    return {"data": sums | changes}


async def read(answer: object) -> dict[str, Decimal]:
    readings = await CoinGecko(Told(json.dumps(answer).encode()), HOUR).readings(until=NOON)
    return {reading.name: reading.value for reading in readings}


async def test_the_sums_are_told_with_the_instant_they_were_true() -> None:
    async with site({"/api/v3/global": world()}) as there:
        readings = await CoinGecko(Web(5), HOUR, f"{there.url}/api/v3").readings(until=NOON)

    def reading(name: str, value: str, unit: Unit) -> Reading:
        return Reading(name, Decimal(value), unit, TOLD_AT, TOLD_AT + HOUR, "coingecko")

    assert readings == (
        reading("market_cap", "2000000000000.25", Unit.USD),
        reading("market_cap_change_24h", "-0.025", Unit.RATIO),
        reading("volume_24h", "80000000000", Unit.USD),
        reading("btc_dominance", "0.585", Unit.RATIO),
        reading("eth_dominance", "0.08125", Unit.RATIO),
    )
    assert "x-cg-demo-api-key" not in there.asked[0][1]


async def test_a_key_goes_into_its_header_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with site({}) as there:
        with pytest.raises(Unavailable) as refused:
            await CoinGecko(Web(5), HOUR, there.url, "CG-k3y").readings(until=NOON)

    (path, headers) = there.asked[0]
    assert headers["x-cg-demo-api-key"] == "CG-k3y"
    assert "k3y" not in path + str(refused.value) + "".join(
        r.getMessage() for r in caplog.records if "httpcore" not in r.name
    )


@pytest.mark.parametrize("key", ["k3y\n", "k3y\r\nx: y", "k3ÿ"])
def test_a_key_that_no_header_can_carry_is_refused_without_saying_it(key: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        CoinGecko(Web(5), HOUR, demo_key=key)

    assert "k3" not in str(refused.value)


async def test_a_change_that_is_not_told_is_absent() -> None:
    told = await read(world(market_cap_change_percentage_24h_usd=None))

    assert "market_cap_change_24h" not in told and told["btc_dominance"] == Decimal("0.585")


async def test_what_is_dated_later_is_not_told() -> None:
    assert await read(world(updated_at=epoch_ms(NOON) // 1_000 + 1)) == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"total_market_cap": {"eur": 1}}, "total_market_cap.usd"),
        ({"total_market_cap": {"usd": -1}}, "total_market_cap.usd"),
        ({"total_volume": {"usd": 1e18}}, "total_volume.usd"),
        ({"market_cap_percentage": {"btc": 101, "eth": 0}}, "market_cap_percentage.btc"),
        ({"market_cap_percentage": {"btc": 50}}, "market_cap_percentage.eth"),
        ({"updated_at": 0}, "updated_at"),
    ],
)
async def test_sums_that_cannot_be_true_are_no_answer(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Unavailable, match=words):
        await read(world(**changes))


@given(bent(world()))
async def test_garbage_is_refused_or_reads_as_sums(content: bytes) -> None:
    try:
        readings = await CoinGecko(Told(content), HOUR).readings(until=NOON)
    except Unavailable:
        return

    assert all(reading.value.is_finite() and reading.true_at <= NOON for reading in readings)


async def test_a_recorded_answer_reads_as_it_was(recorded_data: Path) -> None:
    content = (recorded_data / "market/coingecko_global_20250317.json").read_bytes()
    told = json.loads(content)["data"]
    at = instant(told["updated_at"] * 1_000)

    readings = {r.name: r for r in await CoinGecko(Told(content), HOUR).readings(until=at)}

    assert {r.true_at for r in readings.values()} == {at}
    assert float(readings["market_cap"].value) == told["total_market_cap"]["usd"]
    assert float(readings["btc_dominance"].value) == pytest.approx(told["market_cap_percentage"]["btc"] / 100)
    assert len(readings) == 5
