"""What `cdk synth` makes, read as people would: resources by what they are, references followed to where they lead."""

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from semanticsignal.settings import Sourced, load

DIGEST = "sha256:" + "c" * 64
# Everything that a deployment can be asked for, so that nothing is left out of what is checked.
ASKED = {
    "symbols": ["BTC/USDC", "ETH/USDC"],
    "risk.min_confidence_ratio": 0.6,
    "paper.start_quote": 25_000,
    "cloud.chroma_digest": DIGEST,
    "cloud.alarm_email": "you@example.org",
}


class Resource(NamedTuple):
    stack: str
    id: str
    type: str
    properties: dict[str, Any]
    whole: dict[str, Any]


class Assembly:
    """A folder like `cdk.out`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def templates(self) -> dict[str, dict[str, Any]]:
        paths = sorted(self.folder.glob("*.template.json"))
        return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in paths}

    def all(self, *types: str) -> Iterator[Resource]:
        for stack, template in self.templates.items():
            for id, whole in template["Resources"].items():
                if not types or whole["Type"] in types:
                    yield Resource(stack, id, whole["Type"], whole.get("Properties", {}), whole)

    def one(self, type: str, **wanted: Any) -> Resource:
        """The only one of a type with these properties."""
        found = [each for each in self.all(type) if wanted.items() <= each.properties.items()]
        assert len(found) == 1, f"one {type} with {wanted}, was {[each.id for each in found]}"
        return found[0]

    @cached_property
    def functions(self) -> dict[str, Resource]:
        """Ours, by the last word of their name; the CDK's own have none."""
        named = [each for each in self.all("AWS::Lambda::Function") if "FunctionName" in each.properties]
        return {each.properties["FunctionName"].rpartition("-")[2]: each for each in named}

    def read(self, value: Any) -> Any:
        """A value with its references as `<what.attribute>`, followed through exports."""
        match value:
            case {"Ref": name}:
                return f"<{name}>"
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::ImportValue": name}:
                return self.read(self._exports[name])
            case {"Fn::Join": [between, parts]}:
                return between.join(str(self.read(part)) for part in parts)
            case dict():
                return {key: self.read(each) for key, each in value.items()}
            case list():
                return [self.read(each) for each in value]
        return value

    @cached_property
    def _exports(self) -> dict[str, Any]:
        outputs = [output for template in self.templates.values() for output in template.get("Outputs", {}).values()]
        return {output["Export"]["Name"]: output["Value"] for output in outputs if "Export" in output}

    def statements(self, stack: str, role: str) -> list[dict[str, Any]]:
        """What a role says, with lists of actions and resources that were read."""
        found = [each for each in self.all("AWS::IAM::Policy") if each.stack == stack]
        policies = [each.properties for each in found if f"<{role}>" in self.read(each.properties["Roles"])]
        return [self._listed(each) for policy in policies for each in policy["PolicyDocument"]["Statement"]]

    def _listed(self, statement: dict[str, Any]) -> dict[str, Any]:
        read = {**self.read(statement)}
        return {
            **read,
            **{key: read[key] if isinstance(read[key], list) else [read[key]] for key in ("Action", "Resource")},
        }

    def allowed(self, function: str) -> set[tuple[str, str]]:
        """(action, resource) of all that a function may do."""
        its = self.functions[function]
        said = self.statements(its.stack, its.properties["Role"]["Fn::GetAtt"][0])
        found = [each for each in said if each["Effect"] == "Allow"]
        return {(action, on) for each in found for action in each["Action"] for on in each["Resource"]}

    def environment(self, function: str) -> dict[str, Any]:
        return dict(self.read(self.functions[function].properties.get("Environment", {}).get("Variables", {})))


def asked(**more: Any) -> Sourced:
    """The settings of `ASKED`, whatever this machine's own config.toml says."""
    return load({**ASKED, **more}, {"SEMSIG_CONFIG": os.devnull})


def built(top: Path) -> Any:
    """Stand-ins for what `make layers` makes, each with a hash of its own."""

    def folder(layer: str) -> Path:
        made = top / layer
        (made / "python").mkdir(parents=True, exist_ok=True)
        (made / "python" / "built.txt").write_text(layer)
        return made

    return folder


def dashboard(top: Path) -> Path:
    """A stand-in for what `make setup` builds."""
    (top / "assets").mkdir(parents=True, exist_ok=True)
    (top / "index.html").write_text("<!doctype html><title>Semantic Signal</title>")
    (top / "assets" / "index-0a1b2c3d.js").write_text("export {}")
    return top
