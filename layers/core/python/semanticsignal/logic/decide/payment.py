"""What a server demands for an answer (HTTP 402, x402 versions 1 and 2) → what to sign for it, or a refusal."""

import re
from base64 import b64decode, b64encode
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

from ...domain.asking import Fault
from ...domain.errors import ModelUnavailable
from ...domain.payment import Asset, Authorization, Demand, Terms

# Which header carries the payment, by the version of x402.
PAYMENT_HEADERS = {1: "X-PAYMENT", 2: "PAYMENT-SIGNATURE"}
# Version 1 calls a chain by name.
CHAINS = {"base": 8453, "base-sepolia": 84532}
CHAIN = re.compile(r"eip155:([1-9][0-9]{0,17})")
# A uint256 has at most so many digits.
UNITS = re.compile(r"[1-9][0-9]{0,77}")
PORTS = {"https": 443, "http": 80}
MOST_BYTES, MOST_OFFERS, MOST_S = 2**16, 20, 86_400
# Our clock may be ahead of the chain's by so much.
SKEW_S = 600
SAID = 200

TRANSFER = [
    {"name": "from", "type": "address"},
    {"name": "to", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "validAfter", "type": "uint256"},
    {"name": "validBefore", "type": "uint256"},
    {"name": "nonce", "type": "bytes32"},
]
DOMAIN = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def demanded(header: str | None, body: bytes) -> tuple[Demand, ...]:
    """The ways to pay that a 402 offers: in its PAYMENT-REQUIRED header, else in its body.

    Raises ModelUnavailable when it offers none that can be read."""
    required = _object(_decoded(header) if header else body)
    version, offers = required.get("x402Version", 2), required.get("accepts")
    if not isinstance(offers, list) or not 0 < len(offers) <= MOST_OFFERS:
        raise _refused("no way to pay in the demand that can be read")
    if type(version) is not int or version not in PAYMENT_HEADERS:
        raise _refused(f"x402 is spoken in versions 1 and 2, was {version!r:.40}")
    return tuple(_demand(version, offer if isinstance(offer, dict) else {}, required) for offer in offers)


def chosen(demands: tuple[Demand, ...], terms: Terms, url: str) -> Demand:
    """The cheapest within the terms, for what was asked at `url`.

    Raises ModelUnavailable when there is none: why not, of the one that came closest."""
    judged = [(demand, _objection(demand, terms, url)) for demand in demands]
    fitting = [demand for demand, objection in judged if objection is None]
    if not fitting:
        raise _refused(max((objection for _, objection in judged if objection), default=(0, "nothing is offered"))[1])
    return min(fitting, key=lambda demand: _usd(demand, terms))


def authorized(demand: Demand, terms: Terms, payer: str, now: datetime, nonce: bytes) -> Authorization:
    """Of a demand that was chosen: its price to its payee. The coin, the chain and the longest validity are ours."""
    asset = terms.asset(demand)
    if asset is None or demand.units is None or demand.timeout_s is None:
        raise _refused("not a demand that was chosen")
    seconds = int(now.timestamp())
    return Authorization(
        asset=asset,
        payer=payer,
        payee=demand.payee,
        units=demand.units,
        valid_after=seconds - SKEW_S,
        valid_before=seconds + min(demand.timeout_s, terms.longest_s),
        nonce=nonce,
    )


def typed_data(authorization: Authorization) -> dict[str, Any]:
    """The EIP-712 message of an EIP-3009 transfer."""
    asset = authorization.asset
    return {
        "primaryType": "TransferWithAuthorization",
        "types": {"EIP712Domain": DOMAIN, "TransferWithAuthorization": TRANSFER},
        "domain": {
            "name": asset.name,
            "version": asset.version,
            "chainId": asset.chain_id,
            "verifyingContract": asset.address,
        },
        "message": {
            "from": authorization.payer,
            "to": authorization.payee,
            "value": authorization.units,
            "validAfter": authorization.valid_after,
            "validBefore": authorization.valid_before,
            "nonce": authorization.nonce,
        },
    }


def paid(demand: Demand, authorization: Authorization, signature: bytes) -> tuple[str, str]:
    """The header that pays, and its value."""
    proof = {
        "signature": f"0x{signature.hex()}",
        "authorization": {
            "from": authorization.payer,
            "to": authorization.payee,
            "value": str(authorization.units),
            "validAfter": str(authorization.valid_after),
            "validBefore": str(authorization.valid_before),
            "nonce": f"0x{authorization.nonce.hex()}",
        },
    }
    payment: dict[str, Any] = {"x402Version": demand.version, "payload": proof}
    if demand.version == 1:
        payment |= {"scheme": demand.scheme, "network": demand.network}
    else:
        payment |= {"accepted": demand.offer} | ({"resource": demand.resource} if demand.resource else {})
    return PAYMENT_HEADERS[demand.version], b64encode(orjson.dumps(payment)).decode()


def complaint(settlement: str | None, header: str | None, body: bytes) -> str:
    """Why a server did not take a payment, in its own words, as far as it says; nothing hangs on them."""
    for said in (_decoded(settlement), _decoded(header), body):
        told = _object(said)
        error = told.get("error")
        error = error.get("message") if isinstance(error, dict) else error
        for words in (told.get("errorReason"), error, told.get("message")):
            if isinstance(words, str) and words.strip():
                return repr(words[:SAID])
    return "no reason given"


def _demand(version: int, offer: dict[str, Any], required: dict[str, Any]) -> Demand:
    extra, resource = offer.get("extra"), required.get("resource")
    if not isinstance(extra, dict):
        extra = {}
    units, timeout_s = offer.get("maxAmountRequired" if version == 1 else "amount"), offer.get("maxTimeoutSeconds")
    named = offer.get("resource") if version == 1 else resource
    return Demand(
        version=version,
        scheme=_text(offer.get("scheme")) or "",
        network=_text(offer.get("network")) or "",
        chain_id=_chain(offer.get("network")),
        asset=_text(offer.get("asset")) or "",
        payee=_text(offer.get("payTo")) or "",
        units=int(units) if isinstance(units, str) and UNITS.fullmatch(units) else None,
        timeout_s=timeout_s if type(timeout_s) is int else None,
        name=_text(extra.get("name")),
        domain_version=_text(extra.get("version")),
        method=_text(extra.get("assetTransferMethod")),
        url=_text(named.get("url") if isinstance(named, dict) else named),
        offer=offer,
        resource=resource if isinstance(resource, dict) else None,
    )


def _objection(demand: Demand, terms: Terms, url: str) -> tuple[int, str] | None:
    """The first thing that speaks against it, and how far down the list that is."""
    asset = terms.asset(demand)
    usd = _usd(demand, terms)
    said = demand.offer.get
    expected = (
        (demand.scheme == "exact", f"the only scheme paid is 'exact', was {said('scheme')!r:.80}"),
        (
            demand.chain_id in {asset.chain_id for asset in terms.assets},
            f"a network on which nothing may be paid, was {said('network')!r:.80}",
        ),
        (asset is not None, f"a coin in which nothing may be paid, was {said('asset')!r:.80}"),
        (asset is not None and _is_signed_as(asset, demand), f"not how this coin is signed, was {said('extra')!r:.80}"),
        (usd > 0, f"no amount, which is digits above zero, was {_amount(demand)!r:.100}"),
        (usd <= terms.cap_usd, f"{usd} USD is more than the {terms.cap_usd} USD that one question may cost"),
        (
            demand.timeout_s is not None and 0 < demand.timeout_s <= MOST_S,
            f"good for a time that is not between a second and a day, was {said('maxTimeoutSeconds')!r:.80}",
        ),
        (
            demand.url is None or _is_same(demand.url, url),
            f"a price for something else than {url}, was {demand.url!r:.200}",
        ),
        (
            demand.payee.lower() in terms.payees,
            f"{usd} USD to {demand.payee!r:.80}, who is not among the payees allowed: "
            "allow the address once you know whose it is",
        ),
    )
    return next(((rank, wrong) for rank, (fits, wrong) in enumerate(expected) if not fits), None)


def _usd(demand: Demand, terms: Terms) -> Decimal:
    """Zero where there is no price, or none in a coin that may be paid with."""
    asset = terms.asset(demand)
    return asset.usd(demand.units) if asset and demand.units else Decimal(0)


def _is_signed_as(asset: Asset, demand: Demand) -> bool:
    """Whether the server takes the signature that this coin's own domain gives."""
    return (
        demand.name in (None, asset.name)
        and demand.domain_version in (None, asset.version)
        and demand.method in (None, "eip3009")
    )


def _is_same(one: str, other: str) -> bool:
    try:
        return _place(one) == _place(other)
    except ValueError:
        return False


def _place(url: str) -> tuple[str, str | None, int | None, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme), parts.path.rstrip("/")


def _amount(demand: Demand) -> Any:
    return demand.offer.get("maxAmountRequired" if demand.version == 1 else "amount")


def _chain(network: Any) -> int | None:
    if not isinstance(network, str):
        return None
    numbered = CHAIN.fullmatch(network)
    return int(numbered[1]) if numbered else CHAINS.get(network)


def _text(said: Any) -> str | None:
    """None where nothing is said; what is no text equals nothing that is expected."""
    return said if said is None or isinstance(said, str) else ""


def _decoded(header: str | None) -> bytes:
    try:
        return b64decode(header or "", validate=True)
    except ValueError:
        return b""


def _object(content: bytes) -> dict[str, Any]:
    """Empty for what is no JSON object, is too much to be a demand, or too deep to be written back."""
    try:
        found: Any = orjson.loads(content) if len(content) <= MOST_BYTES else None
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        found = None
    return found if isinstance(found, dict) else {}


def _refused(why: str) -> ModelUnavailable:
    return ModelUnavailable(f"payment refused, {why}", Fault.PAYMENT)
