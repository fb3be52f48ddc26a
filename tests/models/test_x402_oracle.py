"""What we sign and send, against the public x402 SDK: its hash, its client, its facilitator, its whole server."""

from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from x402 import x402Facilitator, x402ResourceServer
from x402.http.middleware.fastapi import payment_middleware
from x402.http.types import PaymentOption, RouteConfig
from x402.http.utils import decode_payment_response_header, decode_payment_signature_header
from x402.mechanisms.evm.default_assets import get_default_asset
from x402.mechanisms.evm.eip712 import hash_eip3009_authorization
from x402.mechanisms.evm.exact.client import ExactEvmScheme as TheirClient
from x402.mechanisms.evm.exact.facilitator import ExactEvmScheme as TheirFacilitator
from x402.mechanisms.evm.exact.server import ExactEvmScheme as TheirServer
from x402.mechanisms.evm.exact.v1.client import ExactEvmSchemeV1 as TheirClientV1
from x402.mechanisms.evm.exact.v1.facilitator import ExactEvmSchemeV1 as TheirFacilitatorV1
from x402.mechanisms.evm.types import ExactEIP3009Authorization, TransactionReceipt
from x402.mechanisms.evm.v1.utils import get_evm_chain_id
from x402.schemas import PaymentPayload, PaymentRequirements
from x402.schemas.v1 import PaymentPayloadV1, PaymentRequirementsV1

from semanticsignal.adapters.x402 import X402
from semanticsignal.domain.payment import USDC_ON_BASE, USDC_ON_BASE_SEPOLIA, Asset, Authorization, Terms
from semanticsignal.logic.decide.payment import typed_data
from tests.loopback import serve
from tests.models.blockrun_server import PAYEE, USDC, USDC_SEPOLIA, encoded, offered

KEY = sha256(b"a wallet for tests").hexdigest()
ACCOUNT = Account.from_key(KEY)
URL = "https://blockrun.ai/api/v1/chat/completions"
PLAY = {"network": "eip155:84532", "asset": USDC_SEPOLIA, "extra": {"name": "USDC", "version": "2"}}
BOTH = (USDC_ON_BASE, USDC_ON_BASE_SEPOLIA)


def wallet() -> X402:
    return X402(KEY, Terms(frozenset({PAYEE}), Decimal("0.01"), BOTH), lambda: datetime.now(UTC))


async def payment(offer: dict[str, Any], version: int) -> str:
    """The header with which our wallet answers a demand."""
    steps = wallet().async_auth_flow(httpx2.Request("POST", URL, json={}))
    unpaid = await anext(steps)
    demand = encoded({"x402Version": version, "accepts": [offer], "resource": {"url": URL, "description": "words"}})
    paid = await steps.asend(httpx2.Response(402, headers={"PAYMENT-REQUIRED": demand}, request=unpaid))
    await steps.aclose()
    return paid.headers["X-PAYMENT" if version == 1 else "PAYMENT-SIGNATURE"]


class Chain:
    """The coin's contract in memory: it leaves the signature to the facilitator, and moves each authorization once."""

    def __init__(self) -> None:
        self.moved: list[tuple[Any, ...]] = []

    def reached(self) -> Any:
        """As the SDK's facilitator reaches a chain."""
        return SimpleNamespace(
            get_addresses=lambda: ["0x" + "fa" * 20],
            get_code=lambda address: b"\x60" if address in (USDC, USDC_SEPOLIA) else b"",
            read_contract=self._simulated,
            write_contract=self._moved,
            wait_for_transaction_receipt=lambda tx_hash: TransactionReceipt(1, 1, tx_hash),
        )

    def _simulated(self, _: str, __: Any, function: str, *args: Any) -> None:
        if function != "transferWithAuthorization":
            raise RuntimeError(f"execution reverted: no {function} here")
        if any(args[5] == moved[5] for moved in self.moved):
            raise RuntimeError("execution reverted: FiatTokenV2: authorization is used or canceled")

    def _moved(self, address: str, abi: Any, function: str, *args: Any, **_: Any) -> str:
        self._simulated(address, abi, function, *args)
        self.moved.append(args)
        return "0x" + "ab" * 32


addresses = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
names = st.text(max_size=9)
seconds = st.integers(0, 2**40)
authorizations = st.builds(
    Authorization,
    asset=st.sampled_from(BOTH) | st.builds(Asset, st.integers(1, 2**53), addresses, names, names),
    payer=addresses,
    payee=addresses,
    units=st.integers(0, 2**256 - 1),
    valid_after=seconds,
    valid_before=seconds,
    nonce=st.binary(min_size=32, max_size=32),
)


@given(authorization=authorizations)
def test_the_digest_of_what_we_sign_is_theirs(authorization: Authorization) -> None:
    ours = _hash_eip191_message(encode_typed_data(full_message=typed_data(authorization)))

    asset = authorization.asset
    theirs = hash_eip3009_authorization(
        ExactEIP3009Authorization(
            from_address=authorization.payer,
            to=authorization.payee,
            value=str(authorization.units),
            valid_after=str(authorization.valid_after),
            valid_before=str(authorization.valid_before),
            nonce=f"0x{authorization.nonce.hex()}",
        ),
        asset.chain_id,
        asset.address,
        asset.name,
        asset.version,
    )
    assert ours == theirs


@pytest.mark.parametrize("asset", BOTH, ids=lambda asset: asset.chain_id)
def test_the_coins_are_those_that_they_know(asset: Asset) -> None:
    known = get_default_asset(f"eip155:{asset.chain_id}")

    assert (asset.address, asset.name, asset.version, asset.decimals) == (
        known["asset"], known["name"], known["version"], known["decimals"],
    )  # fmt: skip


def test_the_names_of_the_chains_are_theirs() -> None:
    assert (get_evm_chain_id("base"), get_evm_chain_id("base-sepolia")) == (8453, 84532)


@pytest.mark.parametrize("other", [{}, PLAY], ids=["base", "sepolia"])
async def test_their_client_signs_the_same_authorization_with_the_same_signature(other: dict[str, Any]) -> None:
    offer = offered(**other)
    ours = decode_payment_signature_header(await payment(offer, 2))
    assert isinstance(ours, PaymentPayload)

    theirs = TheirClient(ACCOUNT).create_payment_payload(PaymentRequirements.model_validate(offer))

    assert {name: type(value) for name, value in theirs.items()} == {n: type(v) for n, v in ours.payload.items()}
    assert theirs["authorization"].keys() == ours.payload["authorization"].keys()
    assert _signed_by_us(theirs["authorization"], BOTH[bool(other)]) == theirs["signature"]


def _signed_by_us(theirs: dict[str, str], asset: Asset) -> str:
    """Signatures are deterministic: of one message by one key there is one."""
    authorization = Authorization(
        asset=asset,
        payer=theirs["from"],
        payee=theirs["to"],
        units=int(theirs["value"]),
        valid_after=int(theirs["validAfter"]),
        valid_before=int(theirs["validBefore"]),
        nonce=bytes.fromhex(theirs["nonce"][2:]),
    )
    return f"0x{bytes(ACCOUNT.sign_typed_data(full_message=typed_data(authorization)).signature).hex()}"


async def test_their_types_read_our_header_in_version_2() -> None:
    offer = offered()

    read = decode_payment_signature_header(await payment(offer, 2))

    assert isinstance(read, PaymentPayload)
    assert read.accepted == PaymentRequirements.model_validate(offer)
    assert read.resource is not None and (read.resource.url, read.resource.description) == (URL, "words")


async def test_their_types_read_our_header_in_version_1() -> None:
    offer = offered(1, resource=URL)
    theirs = TheirClientV1(ACCOUNT).create_payment_payload(PaymentRequirementsV1.model_validate(offer))

    read = decode_payment_signature_header(await payment(offer, 1))

    assert isinstance(read, PaymentPayloadV1)
    assert (read.scheme, read.network) == ("exact", "base")
    assert read.payload.keys() == theirs.keys()
    assert read.payload["authorization"].keys() == theirs["authorization"].keys()


@pytest.mark.parametrize("other", [{}, PLAY], ids=["base", "sepolia"])
async def test_their_facilitator_takes_our_payment_and_moves_the_money_once(other: dict[str, Any]) -> None:
    offer, chain = offered(**other), Chain()
    facilitator, required = TheirFacilitator(chain.reached()), PaymentRequirements.model_validate(offer)
    paid = decode_payment_signature_header(await payment(offer, 2))

    verdict, settled = facilitator.verify(paid, required), facilitator.settle(paid, required)
    again = facilitator.settle(paid, required)

    assert (verdict.is_valid, verdict.payer) == (True, ACCOUNT.address), verdict
    assert (settled.success, again.success, len(chain.moved)) == (True, False, 1)
    assert chain.moved[0][:3] == (ACCOUNT.address, PAYEE, 3000)


async def test_their_facilitator_takes_our_payment_in_version_1() -> None:
    offer = offered(1, resource=URL)
    paid = decode_payment_signature_header(await payment(offer, 1))

    verdict = TheirFacilitatorV1(Chain().reached()).verify(paid, PaymentRequirementsV1.model_validate(offer))

    assert (verdict.is_valid, verdict.payer) == (True, ACCOUNT.address), verdict


@pytest.mark.parametrize(
    ("field", "value"),
    [("to", "0x" + "66" * 20), ("value", "3001"), ("from", "0x" + "66" * 20), ("validBefore", "99999999999"),
     ("nonce", "0x" + "00" * 32)],
)  # fmt: skip
async def test_their_facilitator_takes_nothing_that_we_did_not_sign(field: str, value: str) -> None:
    offer = offered()
    paid = decode_payment_signature_header(await payment(offer, 2))
    paid.payload["authorization"][field] = value

    verdict = TheirFacilitator(Chain().reached()).verify(paid, PaymentRequirements.model_validate(offer))

    assert not verdict.is_valid


@pytest.fixture
def sold() -> tuple[FastAPI, Chain]:
    """A shop as their documentation builds it: middleware, resource server, facilitator; only the chain is ours."""
    chain, api = Chain(), FastAPI()
    facilitator = x402Facilitator().register(["eip155:8453"], TheirFacilitator(chain.reached()))
    server = x402ResourceServer(facilitator).register("eip155:8453", TheirServer())
    option = PaymentOption(scheme="exact", pay_to=PAYEE, price="$0.003", network="eip155:8453")
    api.middleware("http")(payment_middleware({"POST /v1/chat/completions": RouteConfig(accepts=option)}, server))

    @api.post("/v1/chat/completions")
    def chat() -> dict[str, str]:
        return {"content": "HOLD"}

    return api, chain


async def test_their_server_sells_to_our_wallet(sold: tuple[FastAPI, Chain]) -> None:
    api, chain = sold
    auth = wallet()

    async with serve(api) as url, httpx2.AsyncClient(auth=auth, trust_env=False) as client:
        answer = await client.post(f"{url}/v1/chat/completions", json={"model": "sold"})
        unpaid = await client.post(f"{url}/v1/chat/completions", json={"model": "sold"}, auth=None)

    assert (unpaid.status_code, answer.status_code, answer.json()) == (402, 200, {"content": "HOLD"})
    assert decode_payment_response_header(answer.headers["PAYMENT-RESPONSE"]).success
    assert [moved[:3] for moved in chain.moved] == [(ACCOUNT.address, PAYEE, 3000)]
    assert auth.paid_usd() == Decimal("0.003")
