"""Pays for an answer as it is asked (x402): the OpenAI SDK's client wears it, and the server is believed nothing."""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import httpx2

from ..domain.asking import Fault, Usage
from ..domain.errors import InvalidSetting, ModelUnavailable
from ..domain.hosts import LOOPBACK
from ..domain.payment import Terms
from ..logic.decide.payment import authorized, chosen, complaint, demanded, paid, typed_data

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

KEY = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")
# secp256k1 has so many points: a key is below.
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
NONCE_BYTES = 32
PAYMENT_REQUIRED = 402
# A gateway that lost the server behind it: the same signature may be shown again, for it moves money once.
TRY_AGAIN = (502, 503)

_PAID: ContextVar[Decimal | None] = ContextVar("paid", default=None)


class Payment(NamedTuple):
    header: str
    value: str
    usd: Decimal


class X402(httpx2.Auth):
    """Asks unpaid; pays what a 402 demands if the terms allow it, by one signature; asks once more.

    From the moment a signature is handed over it counts as spent: the server may have it settled until it expires,
    whatever it answers. Raises ModelUnavailable, and InvalidSetting for a key that is none. The key is in no message,
    representation or copy."""

    def __init__(
        self,
        wallet_key: str,
        terms: Terms,
        clock: Callable[[], datetime],
        nonce: Callable[[], bytes] = lambda: secrets.token_bytes(NONCE_BYTES),
        *,
        pause_s: float = 1,
    ) -> None:
        self._account = _wallet(wallet_key)
        self._terms, self._clock, self._nonce, self._pause_s = terms, clock, nonce, pause_s
        self._used: set[bytes] = set()

    @property
    def address(self) -> str:
        """Of the wallet that pays: for people to fill it."""
        return self._account().address

    def paid_usd(self) -> Decimal | None:
        """What was paid for the last question of this asyncio task, answered or not; zero where it was free or refused.
        None where this task asked none: it does not know of one that another task asked for it."""
        return _PAID.get()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        _PAID.set(Decimal(0))
        # the wallet is who we are: no key that was meant for somebody else goes along
        request.headers.pop("Authorization", None)
        await request.aread()
        response = yield request
        if response.status_code != PAYMENT_REQUIRED:
            return
        payment = await self._payment(request, response)
        _PAID.set(payment.usd)
        response = yield _paying(request, payment)
        if response.status_code in TRY_AGAIN:
            await asyncio.sleep(self._pause_s)
            response = yield _paying(request, payment)
        if response.status_code == PAYMENT_REQUIRED or response.is_redirect or response.request is not request:
            raise await _unaccepted(response, payment.usd)

    async def _payment(self, request: httpx2.Request, response: httpx2.Response) -> Payment:
        if response.request is not request:
            raise _refused(f"asked at {request.url}, the demand came from {response.url}")
        if request.url.scheme != "https" and request.url.host not in LOOPBACK:
            raise _refused(f"only over https, was {request.url}")
        demands = demanded(response.headers.get("PAYMENT-REQUIRED"), await response.aread())
        demand = chosen(demands, self._terms, str(request.url))
        nonce = self._fresh()
        # the first time eth-account is imported, which takes most of a second
        account = await asyncio.to_thread(self._account)
        authorization = authorized(demand, self._terms, account.address, self._clock(), nonce)
        usd = authorization.asset.usd(authorization.units)
        signed = account.sign_typed_data(full_message=typed_data(authorization))
        return Payment(*paid(demand, authorization, bytes(signed.signature)), usd)

    def _fresh(self) -> bytes:
        nonce = self._nonce()
        if len(nonce) != NONCE_BYTES or nonce in self._used:
            raise _refused("no new nonce to sign with")
        self._used.add(nonce)
        return nonce

    def __repr__(self) -> str:
        return f"X402(up to {self._terms.cap_usd} USD to {len(self._terms.payees)} payees)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a wallet is not copied")


def _paying(request: httpx2.Request, payment: Payment) -> httpx2.Request:
    request.headers[payment.header] = payment.value
    request.stream = _Once(request, payment.header)
    return request


class _Once(httpx2.AsyncByteStream):
    """The body of a paid request. As it goes out the payment leaves the request: a redirect would take it along."""

    def __init__(self, request: httpx2.Request, header: str) -> None:
        self._request, self._header, self._body = request, header, request.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._request.headers.pop(self._header, None)
        yield self._body


def _wallet(key: str) -> "Callable[[], LocalAccount]":
    """The account, made when it is first needed; nothing but it and this closure holds the key."""
    found = KEY.fullmatch(key.strip())
    if found is None or not 0 < int(found[1], 16) < ORDER:
        raise InvalidSetting("a wallet key is 64 hex digits, with or without 0x before them: this one is not")

    @cache
    def account() -> "LocalAccount":
        # one of its libraries lifts the limit so far that a nest of brackets from anybody would end the process
        limit = sys.getrecursionlimit()
        from eth_account import Account

        sys.setrecursionlimit(limit)
        made: LocalAccount = Account.from_key(f"0x{found[1]}")
        return made

    return account


async def _unaccepted(response: httpx2.Response, usd: Decimal) -> ModelUnavailable:
    headers = response.headers
    settlement = headers.get("PAYMENT-RESPONSE") or headers.get("X-PAYMENT-RESPONSE")
    why = complaint(settlement, headers.get("PAYMENT-REQUIRED"), await response.aread())
    said = f"{usd} USD were signed for and no answer came, HTTP {response.status_code} from {response.url}, {why}"
    return ModelUnavailable(said, Fault.PAYMENT, usage=Usage(cost_usd=usd))


def _refused(why: str) -> ModelUnavailable:
    return ModelUnavailable(f"payment refused, {why}", Fault.PAYMENT)
