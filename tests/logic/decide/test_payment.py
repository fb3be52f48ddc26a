"""Reading what a server demands and holding it against the terms: by hand, and whatever it may say."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semanticsignal.domain.asking import Fault
from semanticsignal.domain.errors import InvalidSetting, ModelUnavailable
from semanticsignal.domain.payment import USDC_ON_BASE, USDC_ON_BASE_SEPOLIA, Asset, Demand, Terms
from semanticsignal.logic.decide.payment import authorized, chosen, complaint, demanded, paid, typed_data

URL = "https://blockrun.ai/api/v1/chat/completions"
PAYEE = "0xe9030014F5DAe217d0A152f02A043567b16c1aBf"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
PAYER = "0x" + "11" * 20
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(frozenset({PAYEE}), Decimal("0.01"))
OFFER = {
    "scheme": "exact", "network": "eip155:8453", "amount": "3000", "asset": USDC, "payTo": PAYEE,
    "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"},
}  # fmt: skip
OFFER_V1 = {
    "scheme": "exact", "network": "base", "maxAmountRequired": "3000", "asset": USDC, "payTo": PAYEE, "resource": URL,
    "description": "", "mimeType": "", "maxTimeoutSeconds": 60, "extra": None,
}  # fmt: skip


def header(anything: Any) -> str:
    return b64encode(json.dumps(anything).encode()).decode()


def one(offer: dict[str, Any], resource: Any = None) -> Demand:
    (demand,) = demanded(header({"x402Version": 2, "accepts": [offer], "resource": resource}), b"")
    return demand


# --- Reading -------------------------------------------------------------------------------------------------------


def test_version_2_is_read_from_the_header() -> None:
    demand = one(OFFER, {"url": URL, "description": "words"})

    assert (demand.version, demand.scheme, demand.network, demand.chain_id) == (2, "exact", "eip155:8453", 8453)
    assert (demand.asset, demand.payee, demand.units, demand.timeout_s) == (USDC, PAYEE, 3000, 300)
    assert (demand.name, demand.domain_version, demand.method, demand.url) == ("USD Coin", "2", None, URL)
    assert (demand.offer, demand.resource) == (OFFER, {"url": URL, "description": "words"})


def test_version_1_is_read_from_the_body() -> None:
    (demand,) = demanded(None, json.dumps({"x402Version": 1, "accepts": [OFFER_V1]}).encode())

    assert (demand.version, demand.network, demand.chain_id, demand.units) == (1, "base", 8453, 3000)
    assert (demand.timeout_s, demand.name, demand.url, demand.resource) == (60, None, URL, None)


def test_where_there_is_a_header_the_body_does_not_count() -> None:
    (demand,) = demanded(header({"accepts": [OFFER]}), json.dumps({"accepts": [OFFER | {"amount": "1"}]}).encode())

    assert demand.units == 3000


def test_a_demand_without_its_version_is_of_the_second() -> None:
    assert [demand.version for demand in demanded("", json.dumps({"accepts": [OFFER]}).encode())] == [2]


@pytest.mark.parametrize(
    ("network", "chain_id"),
    [("eip155:8453", 8453), ("base", 8453), ("base-sepolia", 84532), ("eip155:1", 1), ("eip155:0", None),
     ("eip155:08453", None), ("eip155:8453 ", None), ("eip155:8453\n", None), ("Base", None), ("solana:5eykt4", None),
     ("eip155:" + "9" * 400, None), ("", None), (8453, None), (None, None)],
)  # fmt: skip
def test_a_chain_is_a_number_or_one_of_two_names(network: Any, chain_id: int | None) -> None:
    assert one(OFFER | {"network": network}).chain_id == chain_id


names = st.sampled_from([*OFFER, *OFFER_V1, "url"]) | st.text(max_size=5)
said = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=10,
)
offers = said | st.lists(said, max_size=3)


def tuple_or_refusal(*sent: Any) -> None:
    try:
        demands = demanded(*sent)
    except ModelUnavailable as wrong:
        fault = wrong.fault
    else:
        assert demands and all(isinstance(demand, Demand) for demand in demands)
        try:
            chosen(demands, TERMS, URL)
        except ModelUnavailable as wrong:
            fault = wrong.fault
        else:
            return
    assert fault is Fault.PAYMENT


@given(st.none() | st.text() | st.binary().map(lambda raw: b64encode(raw).decode()), st.binary())
def test_whatever_bytes_come_they_are_read_or_refused(sent: str | None, body: bytes) -> None:
    tuple_or_refusal(sent, body)


@given(accepts=offers, version=st.sampled_from([1, 2, "2", 0, None]), resource=st.none() | st.text() | offers)
def test_whatever_json_comes_it_is_read_or_refused(accepts: Any, version: Any, resource: Any) -> None:
    required = {"x402Version": version, "accepts": accepts, "resource": resource}

    tuple_or_refusal(header(required), b"")
    tuple_or_refusal(None, json.dumps(required).encode())


# --- Choosing ------------------------------------------------------------------------------------------------------


def test_what_is_within_the_terms_is_chosen() -> None:
    assert chosen((one(OFFER),), TERMS, URL).units == 3000


def test_the_cap_itself_may_be_paid_and_a_unit_more_not() -> None:
    assert chosen((one(OFFER | {"amount": "10000"}),), TERMS, URL).units == 10_000
    with pytest.raises(ModelUnavailable, match=r"0\.010001 USD is more than the 0\.01 USD"):
        chosen((one(OFFER | {"amount": "10001"}),), TERMS, URL)


def test_a_sum_is_exact_however_many_digits_it_has() -> None:
    assert str(USDC_ON_BASE.usd(10**60 + 1)) == "1" + "0" * 54 + ".000001"


@pytest.mark.parametrize("payee", [PAYEE, PAYEE.lower(), PAYEE.upper().replace("0X", "0x")])
def test_an_address_is_the_same_in_any_spelling(payee: str) -> None:
    assert chosen((one(OFFER | {"payTo": payee, "asset": USDC.lower()}),), Terms(frozenset({payee}), Decimal(1)), URL)


@pytest.mark.parametrize("extra", [None, {}, "text", {"name": "USD Coin"}, {"assetTransferMethod": "eip3009"}])
def test_where_the_server_says_nothing_of_the_coins_domain_ours_counts(extra: Any) -> None:
    assert chosen((one(OFFER | {"extra": extra}),), TERMS, URL)


@pytest.mark.parametrize(
    ("resource", "is_same"),
    [
        (None, True), ({}, True), ({"url": URL}, True), (URL, True), ({"url": f"{URL}/"}, True),
        ({"url": f"{URL}?key=1"}, True), ({"url": "https://BLOCKRUN.ai:443/api/v1/chat/completions"}, True),
        ({"url": "http://blockrun.ai/api/v1/chat/completions"}, False), ({"url": f"{URL}/more"}, False),
        ({"url": "https://blockrun.ai:8443/api/v1/chat/completions"}, False), ({"url": "https://blockrun.ai"}, False),
        ({"url": "https://blockrun.ai.evil.example/api/v1/chat/completions"}, False), ({"url": ""}, False),
        ({"url": "https://blockrun.ai@evil.example/api/v1/chat/completions"}, False), ({"url": 5}, False),
        ({"url": "/api/v1/chat/completions"}, False), ({"url": "https://["}, False), ([URL], False),
        ({"url": "https://blockrun.ai:99999/api/v1/chat/completions"}, False),
    ],
)  # fmt: skip
def test_the_price_is_for_what_was_asked(resource: Any, is_same: bool) -> None:
    demand = one(OFFER, resource)

    if is_same:
        assert chosen((demand,), TERMS, URL) is demand
    else:
        with pytest.raises(ModelUnavailable, match="something else"):
            chosen((demand,), TERMS, URL)


def test_the_refusal_is_of_the_offer_that_came_closest() -> None:
    solana, upto, stranger = {"network": "solana:x"}, {"scheme": "upto"}, {"payTo": "0x" + "66" * 20}

    with pytest.raises(ModelUnavailable, match="0x6666"):
        chosen(tuple(one(OFFER | other) for other in (solana, stranger, upto)), TERMS, URL)


def test_of_nothing_nothing_is_chosen() -> None:
    with pytest.raises(ModelUnavailable, match="nothing is offered"):
        chosen((), TERMS, URL)


@pytest.mark.parametrize(
    "terms",
    [Terms(frozenset(), Decimal(1)), Terms(frozenset({PAYEE}), Decimal(0)), Terms(frozenset({PAYEE}), Decimal(1), ()),
     Terms(frozenset({PAYEE}), Decimal(1), (USDC_ON_BASE_SEPOLIA,))],
)  # fmt: skip
def test_terms_that_allow_nothing_pay_nothing(terms: Terms) -> None:
    with pytest.raises(ModelUnavailable):
        chosen((one(OFFER),), terms, URL)


def test_prices_in_coins_of_other_decimals_are_compared_in_dollars() -> None:
    wei = Asset(8453, "0x" + "22" * 20, "Dear Coin", decimals=18)
    many = one(OFFER | {"asset": wei.address, "amount": "2000000000000000", "extra": {}})

    pick = chosen((one(OFFER), many), Terms(frozenset({PAYEE}), Decimal("0.01"), (USDC_ON_BASE, wei)), URL)

    assert pick.asset == wei.address


@pytest.mark.parametrize(
    "wrong",
    [
        {"payees": frozenset({"0x12"})}, {"payees": frozenset({"blockrun.eth"})}, {"payees": frozenset({""})},
        {"payees": frozenset({PAYEE[2:]})}, {"payees": frozenset({PAYEE + "0"})}, {"cap_usd": Decimal(-1)},
        {"cap_usd": Decimal("NaN")}, {"cap_usd": Decimal("Infinity")}, {"longest_s": 0}, {"longest_s": -300},
    ],
    ids=str,
)  # fmt: skip
def test_terms_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="was "):
        Terms(**{"payees": frozenset({PAYEE}), "cap_usd": Decimal(1)} | wrong)


# --- Signing and sending -------------------------------------------------------------------------------------------


def test_what_is_signed_is_the_price_for_the_payee_in_our_coin_and_no_longer_than_we_allow() -> None:
    demand = chosen((one(OFFER | {"payTo": PAYEE.lower(), "asset": USDC.lower(), "extra": {}}),), TERMS, URL)

    said = typed_data(authorized(demand, Terms(frozenset({PAYEE}), Decimal(1), longest_s=90), PAYER, NOW, bytes(32)))

    assert said["primaryType"] == "TransferWithAuthorization"
    assert said["domain"] == {"name": "USD Coin", "version": "2", "chainId": 8453, "verifyingContract": USDC}
    assert said["message"] == {
        "from": PAYER, "to": PAYEE.lower(), "value": 3000, "nonce": bytes(32),
        "validAfter": 1_772_366_400 - 600, "validBefore": 1_772_366_400 + 90,
    }  # fmt: skip


def test_what_was_not_chosen_is_not_signed() -> None:
    for other in ({"asset": PAYER}, {"amount": "0"}, {"maxTimeoutSeconds": None}):
        with pytest.raises(ModelUnavailable):
            authorized(one(OFFER | other), TERMS, PAYER, NOW, bytes(32))


def test_version_2_gets_back_what_it_offered() -> None:
    demand = one(OFFER | {"more": [1]}, {"url": URL, "description": "words"})

    name, value = paid(demand, authorized(demand, TERMS, PAYER, NOW, bytes(32)), b"\x01" * 65)

    assert name == "PAYMENT-SIGNATURE"
    assert json.loads(_raw(value)) == {
        "x402Version": 2,
        "accepted": OFFER | {"more": [1]},
        "resource": {"url": URL, "description": "words"},
        "payload": {
            "signature": "0x" + "01" * 65,
            "authorization": {
                "from": PAYER, "to": PAYEE, "value": "3000", "nonce": "0x" + "00" * 32,
                "validAfter": str(1_772_366_400 - 600), "validBefore": str(1_772_366_400 + 300),
            },
        },
    }  # fmt: skip


def test_version_1_gets_its_scheme_and_network() -> None:
    (demand,) = demanded(None, json.dumps({"x402Version": 1, "accepts": [OFFER_V1]}).encode())

    name, value = paid(demand, authorized(demand, TERMS, PAYER, NOW, bytes(32)), b"\x01" * 65)

    sent = json.loads(_raw(value))
    assert (name, sent["x402Version"], sent["scheme"], sent["network"]) == ("X-PAYMENT", 1, "exact", "base")
    assert sent.keys() == {"x402Version", "scheme", "network", "payload"}


def _raw(value: str) -> bytes:
    return b64decode(value, validate=True)


@pytest.mark.parametrize(
    ("settlement", "required", "body", "said"),
    [
        ({"success": False, "errorReason": "insufficient_funds"}, {"error": "again"}, {}, "'insufficient_funds'"),
        (None, {"error": "invalid_signature"}, {"error": "no"}, "'invalid_signature'"),
        (None, {"error": " "}, {"error": {"x": 1}, "message": "not verified"}, "'not verified'"),
        (None, None, {"error": {"message": "not verified", "code": 7}}, "'not verified'"),
        (5, [], [], "no reason given"),
        (None, None, {"error": "a\nb\x1b[31m"}, r"'a\nb\x1b[31m'"),
        (None, None, {"error": "x" * 5000}, repr("x" * 200)),
    ],
)  # fmt: skip
def test_why_a_payment_was_not_taken_is_said_in_the_servers_words(
    settlement: Any, required: Any, body: Any, said: str
) -> None:
    sent = [None if part is None else header(part) for part in (settlement, required)]

    assert complaint(*sent, json.dumps(body).encode()) == said
