"""DefiLlama on loopback: four figures, each asked for by itself, and nothing that is no answer."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.adapters.defillama import DefiLlama, Figure
from semanticsignal.adapters.web import Web
from semanticsignal.domain.context import Reading, Unit
from semanticsignal.domain.errors import Unavailable
from semanticsignal.domain.market import epoch_ms
from tests.feeds import NOON, Told, bent, site

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = NOON - 12 * HOUR
FIGURES: tuple[Figure, ...] = get_args(Figure)


def supply(days_ago: int, **pegged: float) -> dict[str, Any]:
    at = epoch_ms(TODAY - days_ago * DAY) // 1_000
    return {"date": str(at), "totalCirculating": {"peggedUSD": 1}, "totalCirculatingUSD": pegged}


CHAINS = [
    {"gecko_id": "ethereum", "tvl": 60000000000.5, "tokenSymbol": "ETH", "cmcId": "1027", "chainId": 1},
    {"gecko_id": None, "tvl": 0.25, "tokenSymbol": None, "cmcId": None, "chainId": None},
]
SUPPLIES = [supply(1, peggedUSD=299.0), supply(0, peggedUSD=300.5, peggedEUR=0.25)]
OVERVIEW = {
    "total24h": 7000000000,
    "total7d": 5,
    "change_1d": -3.2,
    "chain": None,
    "protocols": [{"name": "A", "total24h": 5}],
}
WHOLE: dict[str, Any] = {
    "/v2/chains": CHAINS,
    "/stablecoincharts/all": SUPPLIES,
    "/overview/dexs": OVERVIEW,
    "/overview/fees": OVERVIEW | {"total24h": 45000000.75},
}
BODIES: dict[Figure, Any] = dict(zip(FIGURES, WHOLE.values(), strict=True))


async def read(figure: Figure, content: bytes) -> tuple[Reading, ...]:
    return await DefiLlama(Told(content), figure, HOUR).readings(until=NOON)


@pytest.mark.parametrize(
    ("figure", "value", "true_at", "stale_at", "path"),
    [
        ("tvl", "60000000000.75", NOON, NOON + HOUR, "/v2/chains"),
        ("stablecoins", "300.75", TODAY, TODAY + DAY + HOUR, "/stablecoincharts/all"),
        ("dex_volume_24h", "7000000000", NOON, NOON + HOUR, "/overview/dexs"),
        ("fees_24h", "45000000.75", NOON, NOON + HOUR, "/overview/fees"),
    ],
)
async def test_each_figure_is_asked_for_by_itself(
    figure: Figure, value: str, true_at: Any, stale_at: Any, path: str
) -> None:
    async with site(WHOLE) as there:
        readings = await DefiLlama(Web(5), figure, HOUR, there.url, there.url).readings(until=NOON)

    assert readings == (Reading(figure, Decimal(value), Unit.USD, true_at, stale_at, "defillama"),)
    assert [asked.partition("?")[0] for asked, _ in there.asked] == [path]


async def test_series_that_nobody_reads_are_not_asked_for() -> None:
    async with site(WHOLE) as there:
        await DefiLlama(Web(5), "fees_24h", HOUR, there.url).readings(until=NOON)

    assert "excludeTotalDataChart=true" in there.asked[0][0]


async def test_a_supply_that_is_dated_later_is_not_told() -> None:
    content = json.dumps([*SUPPLIES, supply(-1, peggedUSD=999.0)]).encode()

    (reading,) = await read("stablecoins", content)

    assert (reading.value, reading.true_at) == (Decimal("300.75"), TODAY)


@pytest.mark.parametrize("body", [[], [supply(0)], [supply(-1, peggedUSD=1.0)]])
async def test_a_supply_that_is_not_told_is_absent(body: object) -> None:
    assert await read("stablecoins", json.dumps(body).encode()) == ()


async def test_a_sum_that_is_not_told_is_absent() -> None:
    assert await read("fees_24h", b'{"total24h": null}') == ()


@pytest.mark.parametrize(
    ("figure", "content"),
    [
        ("tvl", b"[]"),
        ("tvl", b'[{"tvl": null}]'),
        ("tvl", b'[{"tvl": -5}]'),
        ("stablecoins", b'[{"date": "1767571200", "totalCirculatingUSD": {"peggedUSD": "much"}}]'),
        ("stablecoins", b'[{"date": "today", "totalCirculatingUSD": {}}]'),
        ("dex_volume_24h", b"{}"),
        ("fees_24h", b'{"total24h": -1}'),
        ("fees_24h", b"error code: 1015"),
    ],
)
async def test_what_cannot_be_true_is_no_answer(figure: Figure, content: bytes) -> None:
    with pytest.raises(Unavailable, match="unreadable"):
        await read(figure, content)


@pytest.mark.parametrize(
    ("figure", "content"),
    [
        ("tvl", b"[" + b"0," * 9_000 + b"0]"),
        ("stablecoins", b"[" + b"0," * 9_000 + b"0]"),
        ("stablecoins", json.dumps([supply(0, **{f"p{n}": -1.0 for n in range(9_000)})]).encode()),
    ],
)
async def test_an_answer_of_faults_is_given_up_at_the_first(figure: Figure, content: bytes) -> None:
    # all of them would be kept, a hundred times as large as the answer; their number would be told
    with pytest.raises(Unavailable, match=r"unreadable answer, 0[.:]"):
        await read(figure, content)


@given(st.data())
async def test_garbage_is_refused_or_reads_as_a_figure(data: st.DataObject) -> None:
    figure = data.draw(st.sampled_from(FIGURES))
    try:
        readings = await read(figure, data.draw(bent(BODIES[figure])))
    except Unavailable:
        return

    assert all(reading.value.is_finite() and reading.value >= 0 and reading.true_at <= NOON for reading in readings)


async def test_the_documented_shape_of_a_chain_is_read(recorded_data: Path) -> None:
    shapes = json.loads((recorded_data / "market/defillama_shapes_NOT_FULL.json").read_text())
    chain = shapes["v2_chains_element"]

    (reading,) = await read("tvl", json.dumps([chain, chain]).encode())

    assert float(reading.value) == pytest.approx(2 * chain["tvl"])
