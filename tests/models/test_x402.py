"""The wallet worn by the real OpenAI SDK, against a gateway on loopback that sells, lies, breaks and steals."""

import asyncio
import copy
import json
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from eth_account import Account
from fastapi import FastAPI
from hypothesis import event, given
from hypothesis import strategies as st
from openai import APIConnectionError, APITimeoutError, AsyncOpenAI, DefaultAsyncHttpxClient, InternalServerError

from semanticsignal.adapters.x402 import X402
from semanticsignal.domain.asking import Fault
from semanticsignal.domain.errors import InvalidSetting, ModelUnavailable
from semanticsignal.domain.payment import USDC_ON_BASE_SEPOLIA, Terms
from tests.loopback import serve
from tests.models.blockrun_server import NOW, PAYEE, USDC, USDC_SEPOLIA, After, BlockRun, decoded, encoded, offered

KEY = sha256(b"a wallet for tests").hexdigest()
ADDRESS = Account.from_key(KEY).address
STRANGER = "0x" + "66" * 20
CENT = Decimal("0.01")
TERMS = Terms(payees=frozenset({PAYEE}), cap_usd=CENT)


class Nonces:
    """Drawn one by one, and counted: one is drawn for each signature, just before it is made."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self) -> bytes:
        self.drawn += 1
        return sha256(str(self.drawn).encode()).digest()


def wallet(terms: Terms = TERMS, **more: Any) -> X402:
    return X402(KEY, terms, lambda: NOW, **{"pause_s": 0} | more)


@asynccontextmanager
async def sdk(url: str, auth: X402, **more: Any) -> AsyncIterator[AsyncOpenAI]:
    http = DefaultAsyncHttpxClient(auth=auth, trust_env=False)
    options: dict[str, Any] = {"api_key": "a key for somebody else", "max_retries": 0, "timeout": 5} | more
    async with AsyncOpenAI(base_url=f"{url}/v1", http_client=http, **options) as client:
        yield client


async def ask(client: AsyncOpenAI, words: str = "price: 100") -> str | None:
    messages: Any = [{"role": "user", "content": words}]
    return (await client.chat.completions.create(model="sold", messages=messages)).choices[0].message.content


async def asked(gateway: BlockRun, auth: X402, **more: Any) -> str | None:
    async with serve(gateway.api) as url, sdk(url, auth, **more) as client:
        return await ask(client)


async def refused(gateway: BlockRun, auth: X402, **more: Any) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        await asked(gateway, auth, **more)
    return caught.value


# --- What is paid --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
async def test_an_answer_is_paid_to_the_unit_and_comes_back(version: int) -> None:
    gateway, auth = BlockRun(version=version), wallet()

    answer = await asked(gateway, auth)

    assert answer == "HOLD"
    assert (gateway.complaints, [paid["value"] for paid in gateway.settled]) == ([], ["3000"])
    assert gateway.settled[0]["from"] == auth.address == ADDRESS
    assert gateway.settled[0]["to"] == PAYEE
    assert auth.paid_usd() == Decimal("0.003")


async def test_what_is_paid_for_is_what_was_asked() -> None:
    gateway = BlockRun()

    await asked(gateway, wallet())

    unpaid, paid = gateway.asked
    assert (unpaid.url, unpaid.body) == (paid.url, paid.body)
    assert json.loads(paid.body)["messages"] == [{"role": "user", "content": "price: 100"}]


async def test_a_plain_client_wears_it_as_well() -> None:
    gateway, auth = BlockRun(), wallet()

    async with serve(gateway.api) as url, httpx2.AsyncClient(auth=auth, trust_env=False) as client:
        response = await client.get(f"{url}/v1/chat/completions")

    assert response.status_code == 200 and len(gateway.settled) == 1
    assert "payment-signature" not in response.request.headers


async def test_a_free_model_is_not_paid() -> None:
    gateway, auth, nonces = BlockRun(is_free=True), wallet(), Nonces()
    await asked(BlockRun(), auth)

    answer = await asked(gateway, wallet(nonce=nonces))

    assert (answer, gateway.payments, nonces.drawn, auth.paid_usd()) == ("HOLD", [], 0, 0)


async def test_no_key_that_is_meant_for_somebody_else_goes_along() -> None:
    gateway = BlockRun()

    await asked(gateway, wallet(), api_key="sk-of-openai")

    assert all("authorization" not in asked.headers for asked in gateway.asked)
    assert all("sk-of-openai" not in str(asked) for asked in gateway.asked)


async def test_of_several_ways_to_pay_the_cheapest_that_is_allowed_is_taken() -> None:
    solana = offered(network="solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", asset="EPjFWdd5", amount="1")
    upto = offered(scheme="upto", amount="2")
    dear, cheap, cheaper_for_a_stranger = offered(amount="5000"), offered(amount="4000"), offered(payTo=STRANGER)
    gateway = BlockRun(solana, upto, dear, cheap, cheaper_for_a_stranger)

    await asked(gateway, wallet())

    assert [paid["value"] for paid in gateway.settled] == ["4000"]
    assert gateway.payments[0]["accepted"] == cheap


async def test_a_payee_is_paid_in_whatever_letters_the_server_writes_the_address() -> None:
    gateway = BlockRun(offered(payTo="0x" + PAYEE[2:].swapcase()))

    await asked(gateway, wallet())

    assert (len(gateway.settled), gateway.complaints) == (1, [])


async def test_play_money_is_paid_where_the_terms_allow_it() -> None:
    offer = offered(network="eip155:84532", asset=USDC_SEPOLIA, extra={"name": "USDC", "version": "2"})
    gateway = BlockRun(offer)

    await asked(gateway, wallet(Terms(frozenset({PAYEE}), CENT, (USDC_ON_BASE_SEPOLIA,))))

    assert (len(gateway.settled), gateway.complaints) == (1, [])


@pytest.mark.parametrize(
    ("theirs", "ours", "good_for_s"), [(60, 300, 60), (300, 300, 300), (86_400, 300, 300), (300, 90, 90)]
)
async def test_a_signature_is_good_for_the_shorter_of_two_times(theirs: int, ours: int, good_for_s: int) -> None:
    gateway = BlockRun(offered(maxTimeoutSeconds=theirs))

    await asked(gateway, wallet(Terms(frozenset({PAYEE}), CENT, longest_s=ours)))

    paid = gateway.settled[0]
    assert int(paid["validBefore"]) == int(NOW.timestamp()) + good_for_s
    assert int(paid["validAfter"]) == int(NOW.timestamp()) - 600


async def test_the_nonce_is_ours_whatever_the_server_says() -> None:
    theirs = "0x" + "77" * 32
    gateway = BlockRun(offered(nonce=theirs, extra={"name": "USD Coin", "version": "2", "nonce": theirs}))
    auth = X402(KEY, TERMS, lambda: NOW)

    async with serve(gateway.api) as url, sdk(url, auth) as client:
        await ask(client)
        await ask(client)

    first, second = (paid["nonce"] for paid in gateway.settled)
    assert len({first, second, theirs}) == 3
    assert len(first) == len("0x") + 64


async def test_no_nonce_is_signed_twice() -> None:
    gateway, auth = BlockRun(), wallet(nonce=lambda: bytes(32))

    async with serve(gateway.api) as url, sdk(url, auth) as client:
        await ask(client)
        with pytest.raises(ModelUnavailable, match="nonce"):
            await ask(client)

    assert len(gateway.payments) == 1


async def test_ten_questions_at_once_are_each_paid_their_own_price() -> None:
    gateway = BlockRun(price=lambda body: body["messages"][0]["content"])
    auth = wallet(nonce=Nonces())

    async def costs(client: AsyncOpenAI, units: int) -> Decimal | None:
        await ask(client, str(units))
        return auth.paid_usd()

    async with serve(gateway.api) as url, sdk(url, auth) as client:
        costs_usd = await asyncio.gather(*(costs(client, 1000 + n) for n in range(10)))

    assert costs_usd == [Decimal(1000 + n) / 1_000_000 for n in range(10)]
    assert sorted(paid["value"] for paid in gateway.settled) == [str(1000 + n) for n in range(10)]
    assert len({paid["nonce"] for paid in gateway.settled}) == 10
    assert auth.paid_usd() is None


# --- What is not paid ----------------------------------------------------------------------------------------------

OUTSIDE: dict[str, tuple[dict[str, Any], str]] = {
    "dearer than a question may be": ({"amount": "10001"}, "0.010001 USD is more than the 0.01 USD"),
    "dear beyond all measure": ({"amount": "9" * 78}, "more than"),
    "dear beyond all numbers": ({"amount": "9" * 40_000}, "no amount"),
    "nothing": ({"amount": "0"}, "no amount"),
    "less than nothing": ({"amount": "-3000"}, "no amount"),
    "a fraction": ({"amount": "3000.5"}, "no amount"),
    "a power": ({"amount": "1e3"}, "no amount"),
    "hexadecimal": ({"amount": "0x10"}, "no amount"),
    "digits of another script": ({"amount": "٣٠٠٠"}, "no amount"),
    "padded": ({"amount": "0003000"}, "no amount"),
    "spaced": ({"amount": " 3000"}, "no amount"),
    "ending in a line": ({"amount": "3000\n"}, "no amount"),
    "a number": ({"amount": 3000}, "no amount"),
    "true": ({"amount": True}, "no amount"),
    "no price": ({"amount": None}, "no amount"),
    "a list": ({"amount": ["3000"]}, "no amount"),
    "somebody else": ({"payTo": STRANGER}, f"0.003000 USD to '{STRANGER}'"),
    "nobody": ({"payTo": None}, "who is not among the payees"),
    "the payee and more": ({"payTo": PAYEE + "00"}, "who is not among the payees"),
    "another chain": ({"network": "eip155:1"}, "network"),
    "a chain of play money": ({"network": "eip155:84532"}, "network"),
    "no chain": ({"network": "eip155:08453"}, "network"),
    "a chain that is none": ({"network": ["base"]}, "network"),
    "another coin": ({"asset": STRANGER}, "a coin in which"),
    "no coin": ({"asset": {}}, "a coin in which"),
    "up to": ({"scheme": "upto"}, "scheme"),
    "no scheme": ({"scheme": None}, "scheme"),
    "signed under another name": ({"extra": {"name": "USDC", "version": "2"}}, "signed"),
    "signed under no text": ({"extra": {"name": 5, "version": "2"}}, "signed"),
    "signed in another version": ({"extra": {"name": "USD Coin", "version": "1"}}, "signed"),
    "moved by another contract": (
        {"extra": {"name": "USD Coin", "version": "2", "assetTransferMethod": "permit2"}},
        "signed",
    ),
    "expired": ({"maxTimeoutSeconds": 0}, "good for a time"),
    "expired long ago": ({"maxTimeoutSeconds": -300}, "good for a time"),
    "good for a week": ({"maxTimeoutSeconds": 604_900}, "good for a time"),
    "good for ever": ({"maxTimeoutSeconds": 2**64}, "good for a time"),
    "good for a text": ({"maxTimeoutSeconds": "300"}, "good for a time"),
    "good for yes": ({"maxTimeoutSeconds": True}, "good for a time"),
    "good for unsaid": ({"maxTimeoutSeconds": None}, "good for a time"),
}


@pytest.mark.parametrize("version", [1, 2])
async def test_what_is_outside_the_terms_is_never_signed(version: int) -> None:
    nonces = Nonces()
    auth = wallet(nonce=nonces)
    gateways = [BlockRun(outside(other, version), version=version) for other, _ in OUTSIDE.values()]

    failures = await asked_of_each(gateways, auth)

    for name, (_, said), gateway, failure in zip(OUTSIDE, OUTSIDE.values(), gateways, failures, strict=True):
        assert isinstance(failure, ModelUnavailable), name
        assert (failure.fault, said in str(failure)) == (Fault.PAYMENT, True), (name, str(failure))
        assert (gateway.payments, len(gateway.asked), failure.usage.cost_usd) == ([], 1, None), name
        assert len(str(failure)) < 500, name
    assert nonces.drawn == 0


def outside(other: dict[str, Any], version: int) -> dict[str, Any]:
    """The usual offer, but for one thing."""
    if version == 1 and "amount" in other:
        return offered(1, maxAmountRequired=other["amount"])
    return offered(version, **other)


async def asked_of_each(gateways: list[BlockRun], auth: X402, timeout_s: float = 5) -> list[Any]:
    """What each answers, or how it failed."""
    api = FastAPI()
    answers: list[Any] = []
    for number, gateway in enumerate(gateways):
        api.mount(f"/{number}", gateway.api)
    async with serve(api) as url:
        for number in range(len(gateways)):
            async with sdk(f"{url}/{number}", auth, timeout=timeout_s) as client:
                answers += await asyncio.gather(ask(client), return_exceptions=True)
    return answers


async def test_with_no_payee_allowed_nobody_is_paid_and_the_refusal_names_who_asked() -> None:
    gateway, auth = BlockRun(), wallet(Terms(frozenset(), CENT))

    failure = await refused(gateway, auth)

    assert PAYEE in str(failure) and "0.003000 USD" in str(failure)
    assert (gateway.payments, auth.paid_usd()) == ([], 0)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "place", ["https://evil.example/v1/chat/completions", "/v1/chat/completions", "http://[", "", 7, [7]]
)
async def test_a_price_for_something_else_is_not_paid(place: Any, version: int) -> None:
    gateway = BlockRun(version=version, resource={"url": place} if version == 2 else place)

    failure = await refused(gateway, wallet())

    assert "something else" in str(failure)
    assert gateway.payments == []


GARBAGE: dict[str, dict[str, Any]] = {
    "nothing at all": {"body": b""},
    "a page": {"body": b"<html>Payment Required</html>"},
    "no base64": {"header": "%%%"},
    "half a base64": {"header": "eyJ4NDAyV"},
    "base64 of bytes": {"header": "/////w=="},
    "base64 of no JSON": {"header": "aGVsbG8="},
    "JSON that is a list": {"header": encoded([offered()])},
    "JSON that is a number": {"body": b"402"},
    "nothing offered": {"header": encoded({"x402Version": 2, "accepts": []})},
    "offers that are none": {"header": encoded({"x402Version": 2, "accepts": [None, 5, "x", []]})},
    "an offer beside the list": {"header": encoded({"x402Version": 2, "accepts": offered()})},
    "more offers than one reads": {"header": encoded({"x402Version": 2, "accepts": [offered()] * 21})},
    "a version to come": {"header": encoded({"x402Version": 3, "accepts": [offered()]})},
    "a version that is none": {"header": encoded({"x402Version": True, "accepts": [offered()]})},
    "not a number": {"body": b'{"x402Version": NaN, "accepts": [{}]}'},
    "half a character": {"body": b'{"x402Version": 2, "accepts": [{"scheme": "\\ud800"}]}'},
    "too deep": {"body": b'{"x402Version": 2, "accepts": ' + b"[" * 5000 + b"]" * 5000 + b"}"},
    "deep where it is echoed": {
        "body": json.dumps({"accepts": [offered()]}).encode().replace(b'"2"', b'"2", "x": ' + b"[" * 300 + b"]" * 300)
    },
    "a header of 80 KB": {"header": "QUFB" * 20_000},
    "a demand padded to 60 KB in base64": {"header": encoded({"accepts": [offered()], "x": "a" * 70_000})},
    "a body of a megabyte": {"body": json.dumps({"accepts": [offered()], "x": "a" * 10**6}).encode()},
}


async def test_a_demand_that_cannot_be_read_is_not_paid() -> None:
    gateways, nonces = [BlockRun(**sent) for sent in GARBAGE.values()], Nonces()

    failures = await asked_of_each(gateways, wallet(nonce=nonces))

    for name, gateway, failure in zip(GARBAGE, gateways, failures, strict=True):
        assert (type(failure), failure.fault) == (ModelUnavailable, Fault.PAYMENT), name
        assert (gateway.payments, len(gateway.asked)) == ([], 1), name
    assert nonces.drawn == 0


async def test_a_header_that_no_client_reads_is_a_broken_connection() -> None:
    gateway, auth = BlockRun(header="QUFB" * 50_000), wallet()

    with pytest.raises(APIConnectionError):
        await asked(gateway, auth)

    assert (gateway.payments, auth.paid_usd()) == ([], 0)


def flow(auth: X402, url: str = "https://blockrun.ai/api/v1/chat/completions") -> tuple[httpx2.Request, Any]:
    request = httpx2.Request("POST", url, json={"model": "sold"})
    return request, auth.async_auth_flow(request)


async def test_nothing_is_paid_in_the_clear() -> None:
    request, steps = flow(wallet(), "http://blockrun.ai/api/v1/chat/completions")
    demand = encoded({"x402Version": 2, "accepts": [offered()]})

    unpaid = await anext(steps)

    with pytest.raises(ModelUnavailable, match="only over https"):
        await steps.asend(httpx2.Response(402, headers={"PAYMENT-REQUIRED": demand}, request=unpaid))
    assert "payment-signature" not in request.headers


# --- What goes wrong once it is paid -------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [After.AGAIN, After.DEARER, After.ELSEWHERE, After.UNFUNDED])
@pytest.mark.parametrize("version", [1, 2])
async def test_a_second_demand_is_never_paid_and_the_first_counts_as_spent(after: After, version: int) -> None:
    gateway, nonces = BlockRun(version=version, after=[after]), Nonces()
    auth = wallet(nonce=nonces)

    failure = await refused(gateway, auth)

    assert (failure.fault, failure.usage.cost_usd, auth.paid_usd()) == (
        Fault.PAYMENT,
        Decimal("0.003"),
        Decimal("0.003"),
    )
    assert (nonces.drawn, len(gateway.payments), gateway.settled) == (1, 1, [])
    assert after is not After.UNFUNDED or "insufficient_funds" in str(failure)


async def test_a_payment_said_not_to_be_settled_counts_as_spent_for_it_still_can_be() -> None:
    gateway, auth = BlockRun(after=[After.UNSETTLED]), wallet()

    answer = await asked(gateway, auth)

    assert (answer, auth.paid_usd()) == ("HOLD", Decimal("0.003"))


@pytest.mark.parametrize("after", [After.LOST, After.BUSY])
async def test_a_lost_question_is_asked_again_with_the_same_signature(after: After) -> None:
    gateway, auth, nonces = BlockRun(after=[after]), wallet(), Nonces()

    answer = await asked(gateway, wallet(nonce=nonces))

    first, second = gateway.payments
    assert (answer, first, nonces.drawn) == ("HOLD", second, 1)
    assert (len(gateway.settled), auth.paid_usd()) == (1, Decimal("0.003"))


async def test_a_question_lost_twice_is_not_asked_a_third_time() -> None:
    gateway, auth = BlockRun(after=[After.LOST, After.BUSY]), wallet()

    with pytest.raises(InternalServerError):
        await asked(gateway, auth)

    assert (len(gateway.payments), auth.paid_usd()) == (2, Decimal("0.003"))


async def test_money_that_moved_before_the_answer_was_lost_moves_once() -> None:
    gateway, auth = BlockRun(after=[After.LOST_LATE]), wallet()

    failure = await refused(gateway, auth)

    assert "authorization is used" in str(failure)
    assert (len(gateway.settled), failure.usage.cost_usd) == (1, Decimal("0.003"))


async def test_a_gateway_that_breaks_once_paid_is_told_by_the_sdk_and_the_sum_by_the_wallet() -> None:
    gateway, auth = BlockRun(after=[After.BROKEN]), wallet()

    with pytest.raises(InternalServerError):
        await asked(gateway, auth)

    assert (len(gateway.payments), auth.paid_usd()) == (1, Decimal("0.003"))


async def test_an_answer_that_never_comes_is_paid() -> None:
    gateway, auth = BlockRun(after=[After.HANG]), wallet()

    with pytest.raises(APITimeoutError):
        await asked(gateway, auth, timeout=0.5)

    assert (len(gateway.payments), auth.paid_usd()) == (1, Decimal("0.003"))


async def test_a_question_given_up_on_is_paid() -> None:
    gateway, auth = BlockRun(after=[After.HANG]), wallet()

    async with serve(gateway.api) as url, sdk(url, auth) as client:
        auth.address  # noqa: B018 - so that eth-account is loaded before time counts
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await ask(client)

    assert (len(gateway.payments), auth.paid_usd()) == (1, Decimal("0.003"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_followed", [True, False])
async def test_a_payment_is_not_carried_elsewhere(status: int, is_followed: bool) -> None:
    thief, auth = BlockRun(is_free=True), wallet()

    async with serve(thief.api) as there:
        gateway = BlockRun(after=[After.REDIRECT], moved=(status, f"{there}/v1/chat/completions"))
        async with serve(gateway.api) as url:
            http = httpx2.AsyncClient(auth=auth, trust_env=False, follow_redirects=is_followed)
            async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=http) as client:
                with pytest.raises(ModelUnavailable) as caught:
                    await ask(client)

    assert len(gateway.payments) == 1
    assert len(thief.asked) == is_followed
    assert all("payment-signature" not in asked.headers for asked in thief.asked)
    assert (caught.value.fault, caught.value.usage.cost_usd) == (Fault.PAYMENT, Decimal("0.003"))


async def test_a_demand_from_elsewhere_is_not_paid() -> None:
    thief = BlockRun(resource=None)

    async with serve(thief.api) as there:
        failure = await refused(BlockRun(moved=(307, f"{there}/v1/chat/completions")), wallet())

    assert (failure.fault, thief.payments, len(thief.asked)) == (Fault.PAYMENT, [], 1)
    assert there in str(failure)


async def test_a_refusal_is_no_reason_for_the_sdk_to_ask_again() -> None:
    gateway = BlockRun(offered(amount="10001"))

    failure = await refused(gateway, wallet(), max_retries=2)

    assert (type(failure), failure.__cause__, len(gateway.asked)) == (ModelUnavailable, None, 1)


# --- The key -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "0x" + KEY, "0X" + KEY.upper(), f" {KEY}\n"])
def test_a_key_is_64_hex_digits_with_or_without_its_prefix(key: str) -> None:
    assert X402(key, TERMS, lambda: NOW).address == ADDRESS


CURVE_ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


@pytest.mark.parametrize(
    "key",
    ["", "0x", KEY[:-1], KEY + "0", "0x0x" + KEY[4:], KEY[:-1] + "g", KEY[:-1] + "٣", "0" * 64, CURVE_ORDER, "f" * 64],
)
def test_what_is_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        X402(key, TERMS, lambda: NOW)

    told = "".join(traceback.format_exception(caught.value))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert len(key) < 3 or all(key[at : at + 16] not in told for at in range(max(1, len(key) - 15)))


def test_a_wallet_is_not_copied() -> None:
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not copied"):
            copied(wallet())


class Heard(logging.Handler):
    """Everything that any library logs, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r} {record.__dict__!r}")


@pytest.fixture
def heard() -> Any:
    root, handler = logging.getLogger(), Heard()
    names = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "eth_account", "asyncio")
    before = {name: logging.getLogger(name).level for name in names}
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    for name, was in before.items():
        logging.getLogger(name).setLevel(was)


def shown(wrong: BaseException) -> str:
    links: list[BaseException] = []
    link: BaseException | None = wrong
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return "".join("".join(traceback.format_exception(link)) + repr(link) + str(vars(link)) for link in links)


def pieces(key: str) -> set[str]:
    return {key[at : at + 16] for at in range(len(key) - 15)}


def worst() -> list[BlockRun]:
    told_elsewhere = {After.REDIRECT: (307, "http://127.0.0.1:9/nobody")}
    return [
        *(BlockRun(offered() | other) for other, _ in OUTSIDE.values()),
        *(BlockRun(**sent) for sent in GARBAGE.values()),
        *(BlockRun(after=[after, after], moved=told_elsewhere.get(after)) for after in After),
    ]


async def test_the_key_is_in_nothing_that_can_be_read_whatever_goes_wrong(heard: Heard) -> None:
    wallets = [wallet(), wallet(nonce=lambda: b"short")]
    gateways, told = worst(), []

    failures = await asked_of_each(gateways, wallets[0], timeout_s=0.5)
    for auth in wallets[1:]:
        failures += await asked_of_each([BlockRun()], auth)
    async with sdk("http://127.0.0.1:9", wallets[0]) as client:
        failures += await asyncio.gather(ask(client), return_exceptions=True)
    told += [shown(wrong) for wrong in failures if isinstance(wrong, BaseException)]
    told += [f"{auth!r} {auth} {vars(auth)!r} {auth.address}" for auth in wallets]
    told += [repr(gateway.asked) for gateway in gateways]
    everything = "\n".join(told + heard.lines).lower()

    assert sum(isinstance(wrong, BaseException) for wrong in failures) > len(OUTSIDE) + len(GARBAGE) + 10
    assert all(words in everything for words in ("payment refused", "httpcore2", "openai", "nonce"))
    assert {piece for piece in pieces(KEY) if piece in everything} == set()
    assert str(int(KEY, 16)) not in everything
    assert repr(bytes.fromhex(KEY))[2:20].lower() not in everything


def test_who_never_pays_loads_no_library_for_it() -> None:
    code = (
        "import sys; from datetime import datetime, UTC; from decimal import Decimal\n"
        "from semanticsignal.adapters.x402 import X402; from semanticsignal.domain.payment import Terms\n"
        "X402('11' * 32, Terms(frozenset(), Decimal(1)), lambda: datetime.now(UTC))\n"
        "print(sorted({'eth_account', 'eth_keys', 'openai', 'web3'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_paths())

    assert ran.stdout.strip() == "[]"


def _paths() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path)}


# --- Whatever a server may say -------------------------------------------------------------------------------------

said = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def either(*right: Any) -> Any:
    return st.sampled_from(right) | said


offers = st.fixed_dictionaries(
    {},
    optional={
        "scheme": either("exact", "upto"),
        "network": either("eip155:8453", "base", "eip155:1", "base-sepolia"),
        "amount": either("1", "3000", "10000", "10001", "0", "-1") | st.integers(-5, 10**30).map(str),
        "maxAmountRequired": either("3000", "10001"),
        "asset": either(USDC, USDC.lower(), USDC_SEPOLIA),
        "payTo": either(PAYEE, PAYEE.lower(), PAYEE.upper(), STRANGER),
        "maxTimeoutSeconds": either(300, 1, 86_400, 86_401, 0) | st.integers(),
        "extra": either({"name": "USD Coin", "version": "2"}, {"name": "USDC", "version": "2"}, {}),
        "resource": either("https://blockrun.ai/api/v1/chat/completions", "https://evil.example/"),
    },
)
nearly_right = st.tuples(offers).map(lambda other: offered() | {"maxAmountRequired": "3000"} | other[0])
demands = st.fixed_dictionaries(
    {"accepts": st.lists(offers | nearly_right, min_size=1, max_size=4) | said},
    optional={"x402Version": either(1, 2), "resource": either({"url": "https://blockrun.ai/api/v1/chat/completions"})},
)


@given(demand=demands, is_in_body=st.booleans())
async def test_whatever_is_demanded_what_is_signed_is_within_the_terms(demand: Any, is_in_body: bool) -> None:
    nonces = Nonces()
    _, steps = flow(wallet(nonce=nonces))
    unpaid = await anext(steps)
    sent = {"content": json.dumps(demand)} if is_in_body else {"headers": {"PAYMENT-REQUIRED": encoded(demand)}}
    paid, fault = None, None
    try:
        paid = await steps.asend(httpx2.Response(402, request=unpaid, **sent))
    except ModelUnavailable as wrong:
        fault = wrong.fault
    await steps.aclose()

    event("refused" if paid is None else "paid")
    if paid is None:
        assert (fault, nonces.drawn) == (Fault.PAYMENT, 0)
        return
    payment = decoded(paid.headers.get("PAYMENT-SIGNATURE") or paid.headers["X-PAYMENT"])
    transfer = payment["payload"]["authorization"]
    assert (nonces.drawn, transfer["nonce"]) == (1, "0x" + sha256(b"1").hexdigest())
    assert 0 < int(transfer["value"]) <= 10_000
    assert transfer["to"].lower() == PAYEE.lower()
    assert NOW < datetime.fromtimestamp(int(transfer["validBefore"]), NOW.tzinfo) <= NOW + timedelta(seconds=300)


def test_the_library_that_signs_leaves_the_depth_of_the_stack_as_it_was() -> None:
    """One of what it imports lifts the limit so far that brackets from any server would end the process."""
    code = (
        "import sys; before = sys.getrecursionlimit()\n"
        "from datetime import UTC, datetime\nfrom decimal import Decimal\n"
        "from semanticsignal.adapters.x402 import X402\nfrom semanticsignal.domain.payment import Terms\n"
        "X402('0x' + '11' * 32, Terms(frozenset(), Decimal(1)), lambda: datetime.now(UTC)).address\n"
        "assert 'eth_account' in sys.modules and sys.getrecursionlimit() == before"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
