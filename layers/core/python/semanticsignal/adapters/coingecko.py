"""CoinGecko's sums over all coins; a demo key allows more questions a minute than none."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from ..domain.context import Reading, Unit
from ..domain.errors import InvalidSetting
from ..domain.market import instant
from ..ports import Web

URL = "https://api.coingecko.com/api/v3"

Money = Annotated[Decimal, Field(ge=0, lt=10**18)]
Percent = Annotated[Decimal, Field(ge=0, le=100)]


class _Usd(BaseModel):
    usd: Money


class _Shares(BaseModel):
    btc: Percent
    eth: Percent


class _Sums(BaseModel):
    total_market_cap: _Usd
    total_volume: _Usd
    market_cap_percentage: _Shares
    market_cap_change_percentage_24h_usd: Annotated[Decimal, Field(ge=-100, le=10_000)] | None = None
    updated_at: Annotated[int, Field(gt=10**9, lt=2**33)]


class _Answer(BaseModel):
    data: _Sums


class CoinGecko:
    """`market_cap`, its `market_cap_change_24h`, `volume_24h`, `btc_dominance`, `eth_dominance`."""

    name = "coingecko"

    def __init__(self, web: Web, max_age: timedelta, base_url: str = URL, demo_key: str = "") -> None:
        if not (demo_key.isascii() and demo_key.isprintable()):
            raise InvalidSetting("the CoinGecko demo key has characters that no header can carry")
        self._web, self._max_age, self._base_url = web, max_age, base_url
        self._headers = {"x-cg-demo-api-key": demo_key} if demo_key else {}

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        told = (await self._web.read(_Answer, f"{self._base_url}/global", self._headers)).data
        change, shares = told.market_cap_change_percentage_24h_usd, told.market_cap_percentage
        true_at = instant(told.updated_at * 1_000)
        if true_at > until:
            return ()
        figures = (
            ("market_cap", told.total_market_cap.usd, Unit.USD),
            ("market_cap_change_24h", None if change is None else change.scaleb(-2), Unit.RATIO),
            ("volume_24h", told.total_volume.usd, Unit.USD),
            ("btc_dominance", shares.btc.scaleb(-2), Unit.RATIO),
            ("eth_dominance", shares.eth.scaleb(-2), Unit.RATIO),
        )
        stale_at = true_at + self._max_age
        return tuple(Reading(n, v, unit, true_at, stale_at, self.name) for n, v, unit in figures if v is not None)
