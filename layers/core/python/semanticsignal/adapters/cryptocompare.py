"""CryptoCompare's news, gathered from many publishers; asked only with a key."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, FailFast, Field

from ..domain.errors import InvalidSetting
from ..domain.market import instant
from ..domain.news import Article
from ..logic.collect.articles import cleaned
from ..ports import Web

URL = "https://min-api.cryptocompare.com"


class _Publisher(BaseModel):
    name: str


class _Item(BaseModel):
    title: str
    url: str
    body: str
    published_on: Annotated[int, Field(gt=10**9, lt=2**33)]
    source_info: _Publisher


class _Answer(BaseModel):
    """A refusal comes as HTTP 200 too, with another `Type`."""

    Type: Literal[100]
    Data: Annotated[list[_Item], FailFast()]


class CryptoCompare:
    """The newest articles in English."""

    name = "cryptocompare"

    def __init__(self, web: Web, key: str, base_url: str = URL) -> None:
        if not (key and key.isascii() and key.isprintable()):
            raise InvalidSetting("CryptoCompare needs a key, of characters that a header can carry")
        self._web, self._base_url = web, base_url
        self._headers = {"authorization": f"Apikey {key}"}

    async def articles(self, *, until: datetime, limit: int) -> tuple[Article, ...]:
        told = await self._web.read(_Answer, f"{self._base_url}/data/v2/news/?lang=EN", self._headers)
        dated = [(instant(item.published_on * 1_000), item) for item in told.Data]
        newest = sorted((one for one in dated if one[0] <= until), key=lambda one: one[0], reverse=True)[:limit]
        articles = (
            cleaned(Article("", item.source_info.name, item.title, item.body, item.url, at, until))
            for at, item in newest
        )
        return tuple(article for article in articles if article)
