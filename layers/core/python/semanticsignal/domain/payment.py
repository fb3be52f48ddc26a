"""Paying for one question with a signed transfer of a dollar coin (x402, EIP-3009): what may be paid, what is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .errors import InvalidSetting

ADDRESS = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Asset:
    """A coin that counts as a US dollar. `name` and `version`: its EIP-712 domain, under which a transfer is signed."""

    chain_id: int
    address: str
    name: str
    version: str = "2"
    decimals: int = 6

    def usd(self, units: int) -> Decimal:
        """Exact, however many digits."""
        return Decimal(f"{units}E-{self.decimals}")


USDC_ON_BASE = Asset(8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin")
USDC_ON_BASE_SEPOLIA = Asset(84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC")  # play money


@dataclass(frozen=True, slots=True)
class Demand:
    """One way to pay that a server offers, as it says it; nothing here is to be believed.

    `chain_id`, `units` (of the coin's smallest), `timeout_s`: None where what it says is no such thing. `url`: what the
    price is for; None where it does not say. `offer` and `resource`: as they came, for the server wants them back."""

    version: int
    scheme: str
    network: str
    chain_id: int | None
    asset: str
    payee: str
    units: int | None
    timeout_s: int | None
    name: str | None
    domain_version: str | None
    method: str | None
    url: str | None
    offer: Mapping[str, Any]
    resource: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be paid without asking anybody.

    `payees`: addresses; nobody else is paid, and with none nobody at all. `cap_usd`: of one question. `longest_s`: no
    signature is good for longer, whatever the server asks. Raises InvalidSetting."""

    payees: frozenset[str]
    cap_usd: Decimal
    assets: tuple[Asset, ...] = (USDC_ON_BASE,)
    longest_s: int = 300

    def __post_init__(self) -> None:
        payees = frozenset(payee.strip().lower() for payee in self.payees)
        for payee in payees:
            if not ADDRESS.fullmatch(payee):
                raise InvalidSetting(f"a payee is an address, 0x and 40 hex digits, was {len(payee)} characters")
        if not self.cap_usd.is_finite() or self.cap_usd < 0:
            raise InvalidSetting(f"what a question may cost is a sum in US dollars, was {self.cap_usd}")
        if self.longest_s < 1:
            raise InvalidSetting(f"a signature is good for at least a second, was {self.longest_s}")
        object.__setattr__(self, "payees", payees)

    def asset(self, demand: Demand) -> Asset | None:
        """The coin asked for, if it is one that may be paid with."""
        named = (demand.chain_id, demand.asset.lower())
        return next((asset for asset in self.assets if (asset.chain_id, asset.address.lower()) == named), None)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What is signed: whoever holds it may move `units` of the coin to the payee, once, between two Unix seconds."""

    asset: Asset
    payer: str
    payee: str
    units: int
    valid_after: int
    valid_before: int
    nonce: bytes
