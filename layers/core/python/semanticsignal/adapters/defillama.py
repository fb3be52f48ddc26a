"""DefiLlama's sums over decentralized finance: what lies in it, stablecoins, what is traded and what is paid."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, FailFast, Field, RootModel

from ..domain.context import Reading, Unit
from ..domain.market import instant
from ..ports import Web

URL, STABLECOINS_URL = "https://api.llama.fi", "https://stablecoins.llama.fi"
SUMS_ONLY = "excludeTotalDataChart=true&excludeTotalDataChartBreakdown=true"
DAY = timedelta(days=1)
PEGS = 200

Money = Annotated[Decimal, Field(ge=0, lt=10**18)]
Figure = Literal["tvl", "stablecoins", "dex_volume_24h", "fees_24h"]


class _Chain(BaseModel):
    tvl: Money


class _Chains(RootModel[Annotated[list[_Chain], FailFast(), Field(min_length=1)]]):
    """Every chain with what lies in it now."""


def _few(pegs: Any) -> Any:
    """Before any is looked at: a mapping does not fail fast, it keeps a fault for each."""
    if isinstance(pegs, Mapping) and len(pegs) > PEGS:
        raise ValueError(f"more than {PEGS} pegs")
    return pegs


class _Supply(BaseModel):
    date: Annotated[int, Field(gt=10**9, lt=2**33)]
    totalCirculatingUSD: Annotated[Mapping[str, Money], BeforeValidator(_few)]  # noqa: N815


class _Supplies(RootModel[Annotated[list[_Supply], FailFast()]]):
    """A sum a day, by what the coins are pegged to."""


class _Overview(BaseModel):
    total24h: Money | None


class DefiLlama:
    """One of its figures, so that one that fails silences no other; all in US dollars.

    `stablecoins` is dated: it counts for its day and `max_age` more. The others are told as they are."""

    def __init__(
        self,
        web: Web,
        figure: Figure,
        max_age: timedelta,
        base_url: str = URL,
        stablecoins_url: str = STABLECOINS_URL,
    ) -> None:
        self.name = f"defillama {figure}"
        self._web, self._figure, self._max_age = web, figure, max_age
        self._base_url, self._stablecoins_url = base_url, stablecoins_url

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        match self._figure:
            case "stablecoins":
                return await self._stablecoins(until)
            case "tvl":
                value = await self._tvl()
            case "dex_volume_24h":
                value = await self._total("dexs")
            case "fees_24h":
                value = await self._total("fees")
        return () if value is None else (self._reading(value, until, timedelta()),)

    async def _tvl(self) -> Decimal | None:
        chains = await self._web.read(_Chains, f"{self._base_url}/v2/chains")
        return sum((chain.tvl for chain in chains.root), Decimal(0))

    async def _total(self, what: str) -> Decimal | None:
        return (await self._web.read(_Overview, f"{self._base_url}/overview/{what}?{SUMS_ONLY}")).total24h

    async def _stablecoins(self, until: datetime) -> tuple[Reading, ...]:
        days = await self._web.read(_Supplies, f"{self._stablecoins_url}/stablecoincharts/all")
        dated = {instant(day.date * 1_000): day.totalCirculatingUSD for day in days.root if day.totalCirculatingUSD}
        true_at = max((at for at in dated if at <= until), default=None)
        return () if true_at is None else (self._reading(sum(dated[true_at].values(), Decimal(0)), true_at, DAY),)

    def _reading(self, value: Decimal, true_at: datetime, lasts: timedelta) -> Reading:
        return Reading(self._figure, value, Unit.USD, true_at, true_at + lasts + self._max_age, "defillama")
