"""The Fear & Greed index of alternative.me: 0 is fear, 100 is greed; one figure a day."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, FailFast, Field

from ..domain.context import Reading, Unit
from ..domain.errors import Unavailable
from ..domain.market import instant
from ..ports import Web

URL = "https://api.alternative.me"
DAYS = 7
DAY = timedelta(days=1)


class _Day(BaseModel):
    value: Annotated[Decimal, Field(ge=0, le=100)]
    timestamp: Annotated[int, Field(gt=10**9, lt=2**33)]


class _Metadata(BaseModel):
    error: str | None = None


class _Answer(BaseModel):
    data: Annotated[list[_Day], FailFast(), Field(max_length=10_000)]
    metadata: _Metadata | None = None


class AlternativeMe:
    """`fear_greed` of the last seven days. A figure counts for its day and `max_age` more."""

    name = "alternative.me"

    def __init__(self, web: Web, max_age: timedelta, base_url: str = URL) -> None:
        self._web, self._max_age, self._base_url = web, max_age, base_url

    async def readings(self, *, until: datetime) -> tuple[Reading, ...]:
        told = await self._web.read(_Answer, f"{self._base_url}/fng/?limit={DAYS}")
        if told.metadata and told.metadata.error:
            raise Unavailable(f"{self.name}: {told.metadata.error[:160]}")
        found = [self._reading(day.value, instant(day.timestamp * 1_000)) for day in told.data]
        return tuple(sorted((r for r in found if r.true_at <= until), key=lambda r: r.true_at)[-DAYS:])

    def _reading(self, value: Decimal, true_at: datetime) -> Reading:
        return Reading("fear_greed", value, Unit.POINTS, true_at, true_at + DAY + self._max_age, self.name)
