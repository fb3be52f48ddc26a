"""A gateway that sells chat completions for USDC (x402, versions 1 and 2), its facilitator and its chain, on loopback.

What it accepts is written after the specification and not after our code: who signed is recovered from typed data that
it puts together itself, and what was signed must be to the unit what it asked."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from eth_account import Account
from eth_account.messages import encode_typed_data
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYEE = "0xe9030014F5DAe217d0A152f02A043567b16c1aBf"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
USDC_SEPOLIA = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
CHAINS = {"eip155:8453": 8453, "base": 8453, "eip155:84532": 84532, "base-sepolia": 84532}
TRANSFER = {
    "TransferWithAuthorization": [
        {"name": name, "type": kind}
        for name, kind in (
            ("from", "address"), ("to", "address"), ("value", "uint256"),
            ("validAfter", "uint256"), ("validBefore", "uint256"), ("nonce", "bytes32"),
        )
    ]
}  # fmt: skip


class After(StrEnum):
    """What happens to a paid request."""

    ANSWER = "answer"
    AGAIN = "again"  # 402, as if nothing had been paid
    DEARER = "dearer"  # 402, at another price
    ELSEWHERE = "elsewhere"  # 402, for another payee
    UNFUNDED = "unfunded"  # 402: the wallet has not enough
    UNSETTLED = "unsettled"  # answered, and said not to have been settled
    LOST = "lost"  # 502 before any money has moved
    BUSY = "busy"  # 503 before any money has moved
    LOST_LATE = "lost late"  # 502 when the money has moved
    BROKEN = "broken"  # 500 when the money has moved
    REDIRECT = "redirect"
    HANG = "hang"


DEMANDS: dict[After, dict[str, str]] = {
    After.AGAIN: {},
    After.DEARER: {"amount": "9999", "maxAmountRequired": "9999"},
    After.ELSEWHERE: {"payTo": "0x" + "66" * 20},
    After.UNFUNDED: {"error": "insufficient_funds"},
}


class Asked(NamedTuple):
    url: str
    headers: dict[str, str]
    body: bytes
    payment: dict[str, Any] | None


def encoded(anything: Any) -> str:
    return b64encode(json.dumps(anything).encode()).decode()


def decoded(header: str) -> Any:
    return json.loads(b64decode(header))


def offered(version: int = 2, **other: Any) -> dict[str, Any]:
    """What the gateway asks as a rule: 3000 units, which is 0.003 USD, within five minutes."""
    offer = {
        "scheme": "exact", "network": "eip155:8453", "amount": "3000", "asset": USDC, "payTo": PAYEE,
        "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"},
    }  # fmt: skip
    if version == 1:
        offer |= {"network": "base", "maxAmountRequired": offer.pop("amount"), "description": "", "mimeType": ""}
    return offer | other


def completion(content: str = "HOLD") -> dict[str, Any]:
    return {
        "id": "c1", "object": "chat.completion", "created": 0, "model": "sold", "usage": None,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
    }  # fmt: skip


class BlockRun:
    """`offers`: the ways to pay, else the usual one. `header`, `body`: a 402 with these instead of a demand. `after`:
    what happens to the paid requests, one by one; then each is answered. `moved`: where the unpaid are sent, or the
    paid where the script says so, and by which status."""

    def __init__(
        self,
        *offers: dict[str, Any],
        version: int = 2,
        after: Iterable[After] = (),
        header: str | None = None,
        body: bytes | None = None,
        resource: Any = ...,
        moved: tuple[int, str] | None = None,
        is_free: bool = False,
        price: Callable[[dict[str, Any]], str] | None = None,
        says: str = "HOLD",
        now: datetime = NOW,
    ) -> None:
        self.asked: list[Asked] = []
        self.settled: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._offers, self._version, self._after, self._header, self._body = offers, version, list(after), header, body
        self._says, self._now = says, now
        self._resource, self._moved, self._is_free, self._price = resource, moved, is_free, price
        self.api = FastAPI()
        self.api.add_api_route("/v1/chat/completions", self._chat, methods=["POST", "GET"], response_model=None)

    @property
    def payments(self) -> list[dict[str, Any]]:
        return [asked.payment for asked in self.asked if asked.payment is not None]

    async def _chat(self, request: Request) -> Response:
        name = "x-payment" if self._version == 1 else "payment-signature"
        payment = decoded(request.headers[name]) if name in request.headers else None
        asked = Asked(str(request.url), dict(request.headers), await request.body(), payment)
        self.asked.append(asked)
        if self._is_free:
            return JSONResponse(completion(self._says))
        if payment is not None:
            return await self._paid(asked, payment, self._after.pop(0) if self._after else After.ANSWER)
        if self._moved and After.REDIRECT not in self._after:
            return RedirectResponse(self._moved[1], self._moved[0])
        return self._demand(asked)

    async def _paid(self, asked: Asked, payment: dict[str, Any], after: After) -> Response:
        if early := self._unserved(asked, after):
            return early
        if after is After.HANG:
            await asyncio.sleep(2)
        if wrong := self._wrong(asked, payment):
            self.complaints.append(wrong)
            return self._demand(asked, error=wrong)
        if after is not After.UNSETTLED:
            self.settled.append(payment["payload"]["authorization"])
        if after in (After.LOST_LATE, After.BROKEN):
            return JSONResponse({"error": "upstream"}, 502 if after is After.LOST_LATE else 500)
        settlement = {"success": after is not After.UNSETTLED, "transaction": "0x" + "ab" * 32, "network": "base"}
        name = "X-PAYMENT-RESPONSE" if self._version == 1 else "PAYMENT-RESPONSE"
        return JSONResponse(completion(self._says), headers={name: encoded(settlement)})

    def _unserved(self, asked: Asked, after: After) -> Response | None:
        """The answer to a payment that nobody looked at."""
        if after in DEMANDS:
            return self._demand(asked, **DEMANDS[after])
        if after in (After.LOST, After.BUSY):
            return JSONResponse({"error": "upstream"}, 502 if after is After.LOST else 503)
        if after is After.REDIRECT and self._moved:
            return RedirectResponse(self._moved[1], self._moved[0])
        return None

    def _demand(self, asked: Asked, error: str = "", **other: Any) -> Response:
        if self._header is not None or self._body is not None:
            headers = {} if self._header is None else {"PAYMENT-REQUIRED": self._header}
            return Response(self._body or b"", 402, headers, "application/json")
        resource: Any = {"url": asked.url, "description": "words", "mimeType": "application/json"}
        if self._resource is not ...:
            resource = self._resource
        offers = [offer | other for offer in self._offers_for(asked)]
        if self._version == 1:
            named = asked.url if self._resource is ... else self._resource
            offers = [{"resource": named} | offer for offer in offers]
            return JSONResponse({"x402Version": 1, "error": error or "payment required", "accepts": offers}, 402)
        required = {"x402Version": 2, "error": error, "resource": resource, "accepts": offers, "extensions": {}}
        return JSONResponse({"error": "Payment Required"}, 402, {"PAYMENT-REQUIRED": encoded(required)})

    def _offers_for(self, asked: Asked) -> list[dict[str, Any]]:
        priced = {"amount": self._price(json.loads(asked.body))} if self._price else {}
        return [offer | priced for offer in self._offers or (offered(self._version),)]

    def _wrong(self, asked: Asked, payment: dict[str, Any]) -> str | None:
        """As a facilitator and the coin's own contract judge: None when the money may move."""
        offer = self._accepted(asked, payment)
        if payment["x402Version"] != self._version or offer is None:
            return "not what was offered"
        proof, transfer = payment["payload"], payment["payload"]["authorization"]
        signer = Account.recover_message(signable(offer, transfer), signature=proof["signature"])
        if signer != transfer["from"]:
            return "signed by somebody else"
        if transfer["to"].lower() != offer["payTo"].lower():
            return "another payee"
        if transfer["value"] != offer.get("amount", offer.get("maxAmountRequired")):
            return "another amount"
        if not int(transfer["validAfter"]) < self._now.timestamp() < int(transfer["validBefore"]) - 6:
            return "not valid now"
        if any(transfer["nonce"] == settled["nonce"] for settled in self.settled):
            return "authorization is used"
        return None

    def _accepted(self, asked: Asked, payment: dict[str, Any]) -> dict[str, Any] | None:
        if self._version == 2:
            return next((offer for offer in self._offers_for(asked) if offer == payment["accepted"]), None)
        named = payment["scheme"], payment["network"]
        return next((o for o in self._offers_for(asked) if (o["scheme"], o["network"]) == named), None)


def signable(offer: dict[str, Any], transfer: dict[str, Any]) -> Any:
    domain = {
        "name": (offer.get("extra") or {}).get("name", "USD Coin"), "version": "2",
        "chainId": CHAINS[offer["network"]], "verifyingContract": offer["asset"],
    }  # fmt: skip
    message = {
        "from": transfer["from"], "to": transfer["to"], "value": int(transfer["value"]),
        "validAfter": int(transfer["validAfter"]), "validBefore": int(transfer["validBefore"]),
        "nonce": bytes.fromhex(transfer["nonce"].removeprefix("0x")),
    }  # fmt: skip
    return encode_typed_data(domain, TRANSFER, message)
