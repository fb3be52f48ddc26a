"""One deployment: its settings, its names, what is built, and how an unbuilt part is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from aws_cdk import Acknowledgment, CfnRule, CfnRuleAssertion, Fn, Stack, Validations
from constructs import IConstruct

from semanticsignal.domain.policy import Settings
from semanticsignal.drivers.container import NAMESPACE
from semanticsignal.settings import NOT_FOR_FUNCTIONS, Sourced, rows

from . import layers

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Deployment:
    """What `cdk deploy` is asked for. `layer`: the built folder of a layer, or None. `site`: the built dashboard."""

    sourced: Sourced
    layer: Callable[[str], Path | None] = layers.folder
    site: Path = ROOT / "frontend" / "dist"

    @property
    def settings(self) -> Settings:
        return self.sourced.settings

    @property
    def stage(self) -> str:
        return self.settings.cloud.stage

    def named(self, part: str) -> str:
        return f"semanticsignal-{self.stage}-{part}"

    @property
    def metrics(self) -> str:
        """Namespace of what its functions say of themselves: two deployments of one account do not add up."""
        return f"{NAMESPACE}/{self.stage}"

    @property
    def secrets(self) -> str:
        """Path of the parameters in SSM."""
        return f"/semanticsignal/{self.stage}"

    @property
    def variables(self) -> dict[str, str]:
        """The settings that are not defaults, as `settings.load` reads them back in a function."""
        return dict(self._variables())

    def _variables(self) -> Iterator[tuple[str, str]]:
        for key, value, _ in rows(self.settings):
            if key in self.sourced.origins and not key.startswith(NOT_FOR_FUNCTIONS):
                yield f"SEMSIG_{key.upper().replace('.', '__')}", _text(value)


def refuse(stack: Stack, part: str, remedy: str) -> None:
    """A template with a part that is not there can be looked at, and never deployed: CloudFormation says `remedy`."""
    if not stack.node.try_find_child(f"Unbuilt{part}"):
        never = CfnRuleAssertion(assert_=Fn.condition_equals(part, "built"), assert_description=remedy)
        CfnRule(stack, f"Unbuilt{part}", assertions=[never])


def waive(construct: IConstruct, reasons: dict[str, str]) -> None:
    """Rules of cdk-nag that do not hold here, each with its reason, beside what they are about."""
    Validations.of(construct).acknowledge(*(Acknowledgment(id=rule, reason=why) for rule, why in reasons.items()))


def _text(value: Any) -> str:
    match value:
        case tuple():
            return ",".join(value)
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
    return str(value)
