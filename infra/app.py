"""The CDK app: one deployment, five stacks, checked by cdk-nag as it is made; cdk runs `python -m infra.app`."""

from typing import Any

from aws_cdk import App, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from semanticsignal.domain.errors import InvalidSetting, SemanticSignalError
from semanticsignal.domain.policy import Settings
from semanticsignal.settings import load

from .data import Data
from .deployment import Deployment
from .memory import Memory
from .pipeline import Pipeline
from .recipes import VENUES
from .watchtower import Watchtower
from .web import Web

# Said here and not in cdk.json, so that whoever makes the app makes the same one.
ALWAYS = {
    "@aws-cdk/core:validateAgainstDefaultRules": True,  # what CloudFormation would refuse is refused here
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
    "aws:cdk:disable-stack-trace": True,  # traces name folders of the machine that made them
    "aws:cdk:disable-creation-stack-traces": True,
}


def app(deployment: Deployment, **options: Any) -> App:
    """All stacks, not yet synthesized. `options` go to the App: `outdir`. Raises InvalidSetting."""
    _check_venues(deployment.settings)
    top = App(analytics_reporting=False, tree_metadata=False, context=ALWAYS, **options)
    data = Data(top, "data", deployment)
    memory = Memory(top, "memory", deployment, data.places)
    pipeline = Pipeline(top, "pipeline", deployment, {**data.places, **memory.places})
    web = Web(top, "web", deployment, data, {**data.places, **memory.places, **pipeline.places})
    functions = (memory.function, *pipeline.functions.values(), *web.functions)
    Watchtower(top, "watchtower", deployment, data.ledger, functions)
    for name, value in {"project": "semanticsignal", "stage": deployment.stage}.items():
        Tags.of(top).add(name, value)
    Validations.of(top).add_plugins(AwsSolutionsChecks(top))
    return top


def _check_venues(settings: Settings) -> None:
    venues = ", ".join(sorted(VENUES))
    if settings.exchange not in VENUES:
        raise InvalidSetting(
            f"exchange: in the cloud one that the market layer holds, {venues}; was {settings.exchange!r}"
        )
    unknown = [name for name in settings.collect.fallbacks if name not in VENUES]
    if unknown:
        raise InvalidSetting(
            f"collect.fallbacks: in the cloud those that the market layer holds, {venues}; was {', '.join(unknown)}"
        )


if __name__ == "__main__":
    try:
        app(Deployment(load())).synth()
    except SemanticSignalError as wrong:
        raise SystemExit(f"infra: {wrong}") from None
