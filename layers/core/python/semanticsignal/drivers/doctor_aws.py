"""Whether this machine may deploy and call: identity, region, the CDK's stack, the deployment. Nothing changes."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from .. import wiring
from ..domain.errors import CloudUnavailable
from ..domain.policy import Settings
from ..domain.untrusted import line
from . import aws_words
from .findings import Finding, State

if TYPE_CHECKING:
    from ..wiring import AwsAccount

# The CDK refuses an older one.
LEAST_BOOTSTRAP = 6


async def examined(settings: Settings, limit_s: float) -> list[Finding]:
    """`missing`: nothing can be deployed or called."""
    account = wiring.aws_account()
    try:
        if (region := account.region()) is None:
            return [Finding("aws region", State.MISSING, *aws_words.WORDS["NoRegionError"])]
        async with asyncio.timeout(limit_s):
            number, who = await account.identity()
    except CloudUnavailable as wrong:
        return [Finding("aws identity", State.MISSING, *aws_words.said(wrong))]
    except TimeoutError:
        return [Finding("aws identity", State.MISSING, f"no answer in {limit_s:g} s", "the network")]
    found = [Finding("aws identity", State.OK, f"account {number}, as {who.rpartition(':')[2]}")]
    found.append(Finding("aws region", State.OK, region))
    name = f"semanticsignal-{settings.cloud.stage}-collect"
    rest = await asyncio.gather(
        _of("aws bootstrap", _bootstrap(account), limit_s), _of("aws deployment", _deployment(account, name), limit_s)
    )
    return [*found, *rest]


async def _of(what: str, look: Awaitable[Finding], limit_s: float) -> Finding:
    try:
        async with asyncio.timeout(limit_s):
            return await look
    except CloudUnavailable as wrong:
        return Finding(what, State.WARNING, *aws_words.said(wrong))
    except TimeoutError:
        return Finding(what, State.WARNING, f"no answer in {limit_s:g} s", "the network")


async def _bootstrap(account: "AwsAccount") -> Finding:
    version = await account.bootstrap()
    if version is None:
        said, mend = f"no CDK in {account.region()}", "npx cdk bootstrap, once an account and region"
        return Finding("aws bootstrap", State.WARNING, said, mend)
    if not version.isdecimal() or int(version) < LEAST_BOOTSTRAP:
        said = f"the CDK's stack is of version {line(version, 20)}, at least {LEAST_BOOTSTRAP} is wanted"
        return Finding("aws bootstrap", State.WARNING, said, "npx cdk bootstrap, once more")
    return Finding("aws bootstrap", State.OK, f"the CDK's stack is of version {version}")


async def _deployment(account: "AwsAccount", name: str) -> Finding:
    changed = await account.changed(name)
    if changed is None:
        said = f"there is no {name} in {account.region()}"
        return Finding("aws deployment", State.WARNING, said, "make deploy, or another AWS_REGION or cloud.stage")
    return Finding("aws deployment", State.OK, f"{name}, changed {line(changed, 30)}")
