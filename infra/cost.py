"""`python -m infra.cost`: what a month of a deployment costs, from its templates and from prices.toml.

python -m infra.cost           makes the templates of four deployments and writes docs/cost.md
python -m infra.cost cdk.out   says what the templates in a folder cost"""

import json
import os
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from semanticsignal.drivers.container import NAMESPACE
from semanticsignal.settings import load

from .deployment import ROOT, Deployment

TARIFF, PAGE = Path(__file__).with_name("prices.toml"), ROOT / "docs" / "cost.md"
KB, GB, MILLION = 1024, 1_000_000_000, 1_000_000
DAYS = 730 / 24
TEN = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC")
ONE_PAIR, TEN_PAIRS, SPOT = "one pair", "ten pairs", ", Spot"
CASES: dict[str, dict[str, Any]] = {
    f"{pairs}{spot}": {**symbols, "cloud.is_spot": bool(spot), "cloud.chroma_digest": f"sha256:{'0' * 64}"}
    for pairs, symbols in {ONE_PAIR: {}, TEN_PAIRS: {"symbols": [f"{base}/USDC" for base in TEN]}}.items()
    for spot in ("", SPOT)
}
GOALS = {ONE_PAIR: 8.0, TEN_PAIRS: 15.0}  # dollars, the model not counted


class Unpriced(Exception):
    """Something in a template that nobody has said the price of."""


class Price(NamedTuple):
    usd: float
    per: str
    where: str
    free: float = 0.0

    @property
    def scale(self) -> float:
        return {"million": MILLION, "thousand": 1000}.get(self.per.split()[0], 1)


class Line(NamedTuple):
    """`amount` in the units of the price named `price`."""

    part: str
    what: str
    amount: float
    price: str


class Resource(NamedTuple):
    stack: str
    id: str
    type: str
    properties: dict[str, Any]


Tariff = Mapping[str, Any]


def tariff() -> Tariff:
    return tomllib.loads(TARIFF.read_text(encoding="utf-8"))


def prices(of: Tariff) -> dict[str, Price]:
    return {name: Price(**price) for name, price in of["prices"].items()}


def resources(folder: Path) -> Iterator[Resource]:
    for path in sorted(folder.glob("*.template.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        for id, whole in template["Resources"].items():
            yield Resource(path.name.removesuffix(".template.json"), id, whole["Type"], whole.get("Properties", {}))


def times(expression: str) -> float:
    """How often a month a schedule rings: of cron lists, ranges and days of the month are not understood."""
    kind, _, words = expression.rstrip(")").partition("(")
    if kind == "rate":
        number, unit = words.split()
        return 730 * 3600 / (int(number) * {"minute": 60, "hour": 3600, "day": 86_400}[unit.rstrip("s")])
    minute, hour, day, month, weekday, year = words.split()
    if kind != "cron" or month != "*" or year != "*" or day not in ("*", "?"):
        raise Unpriced(f"a schedule that is not understood, was {expression}")
    days = DAYS if weekday in ("*", "?") else DAYS / 7
    return _rings(minute, 60) * _rings(hour, 24) * days


def _rings(field: str, of: int) -> int:
    if field == "*":
        return of
    start, _, step = field.partition("/")
    if not start.isdigit() or not (step.isdigit() or not step):
        raise Unpriced(f"a field of cron that is not understood, was {field}")
    return len(range(int(start), of, int(step))) if step else 1


class Month:
    """What a month of these templates brings: who is called how often, and what that takes."""

    def __init__(self, all: Iterable[Resource], of: Tariff) -> None:
        self.all, self.tariff, self.usage = tuple(all), of, of["usage"]

    def of(self, *types: str) -> list[Resource]:
        return [each for each in self.all if each.type in types]

    def near(self, reference: Any, beside: Resource) -> Resource:
        """What a reference within a stack names."""
        match reference:
            case {"Ref": id} | {"Fn::GetAtt": [id, *_]}:
                return next(each for each in self.all if (each.stack, each.id) == (beside.stack, id))
        raise Unpriced(f"{beside.id} names what is not in its stack, was {reference}")

    @cached_property
    def schedules(self) -> list[tuple[str, dict[str, Any], float]]:
        """(function, what it is told, how often)."""
        found = []
        for each in self.of("AWS::Scheduler::Schedule"):
            target = each.properties["Target"]
            rings = times(each.properties["ScheduleExpression"])
            found.append((_name(self.near(target["Arn"], each)), json.loads(target["Input"]), rings))
        return found

    @cached_property
    def pairs(self) -> int:
        return len({told["symbol"] for _, told, _ in self.schedules if told["kind"] == "ScheduledCandle"})

    @cached_property
    def often(self) -> dict[str, float]:
        """How often each thing happens by which usage is counted."""
        rung: dict[str, list[float]] = defaultdict(list)
        for _, told, rings in self.schedules:
            rung[told["kind"]].append(rings)
        candles = rung["ScheduledCandle"]
        clocks = ("minute", "quarter", "hour", "round")
        return {
            "candle": sum(candles),
            "trade": sum(candles) * self.usage["facts"]["PositionClosed"]["times"],
            "bar": max(candles, default=0.0),
            **{kind: max(rung[f"Scheduled{kind.capitalize()}"], default=0.0) for kind in clocks},
            "page": self.usage["pages"],
            "open": self.usage["open_minutes"],
            "deploy": self.usage["deploys"],
            "month": 1.0,
            "never": 0.0,
        }

    @cached_property
    def facts(self) -> dict[str, float]:
        return {kind: self.often[row["per"]] * row["times"] for kind, row in self.usage["facts"].items()}

    @cached_property
    def entries(self) -> dict[str, float]:
        """Those facts that are written into the ledger."""
        return {kind: count for kind, count in self.facts.items() if "bytes" in self.usage["facts"][kind]}

    @cached_property
    def calls(self) -> dict[str, float]:
        """Of each function: by schedules, by the bus, by the ledger's stream, and by whoever asks."""
        found: dict[str, float] = defaultdict(float)
        for function, _, rings in self.schedules:
            found[function] += rings
        for rule in self.of("AWS::Events::Rule"):
            for target in rule.properties["Targets"]:
                heard = sum(self.facts[kind] for kind in rule.properties["EventPattern"]["detail-type"])
                found[_name(self.near(target["Arn"], rule))] += heard
        for mapping in self.of("AWS::Lambda::EventSourceMapping"):
            found[_name(self.near(mapping.properties["FunctionName"], mapping))] += sum(self.entries.values())
        for function, row in self.usage["functions"].items():
            found[function] += self.counted(row.get("asked", {}))
        return found

    @property
    def heard(self) -> float:
        """Facts that somebody might be told of."""
        return self.calls["notify"] - self.often["round"]

    def counted(self, uses: Mapping[str, float]) -> float:
        return sum(self.often[per] * count for per, count in uses.items())

    @cached_property
    def metrics(self) -> dict[tuple[str, str], float]:
        """(service, name) → share of the month's hours in which it is sent: all pairs close in the same one."""
        return {
            (service, name): min(self.often[per] / 730, 1.0)
            for service, rows in self.usage["metrics"].items()
            for name, per in rows.items()
        }

    @cached_property
    def ledger_bytes(self) -> float:
        """Written a month, without indexes."""
        return sum(count * float(self.usage["facts"][kind]["bytes"]) for kind, count in self.entries.items())


def _name(function: Resource) -> str:
    """The last word of its name; the CDK's own has none."""
    return str(function.properties.get("FunctionName", "-upload")).rpartition("-")[2]


# --- What each kind of resource costs --------------------------------------------------------------------------------


def _functions(month: Month, found: list[Resource]) -> Iterator[Line]:
    seconds: dict[str, float] = defaultdict(float)
    for each in found:
        row = month.usage["functions"].get(_name(each))
        if row is None:
            raise Unpriced(f"no usage is said of the function {_name(each)}: add it to prices.toml")
        ms = row["ms"] + row.get("ms_per_pair", 0) * month.pairs
        [chip] = each.properties.get("Architectures", ["x86_64"])
        memory_gb = each.properties["MemorySize"] / KB
        seconds[chip] += month.calls[_name(each)] * ms / 1000 * memory_gb
    yield Line("functions", "requests", sum(month.calls[_name(each)] for each in found), "lambda_requests")
    for chip, amount in sorted(seconds.items()):
        yield Line("functions", f"memory × time, {chip}", amount, f"lambda_{chip[:3]}_gb_s")
    yield Line("functions", "to venues, models and sockets", month.often["candle"] * 50_000 / GB, "data_out_gb")


def _service(month: Month, found: list[Resource]) -> Iterator[Line]:
    hours = month.tariff["about"]["hours"]
    for each in found:
        task = month.near(each.properties["TaskDefinition"], each).properties
        [provider] = [row["CapacityProvider"] for row in each.properties["CapacityProviderStrategy"]]
        if task["RuntimePlatform"]["CpuArchitecture"] != "ARM64" or "EphemeralStorage" in task:
            raise Unpriced(f"a task that is not priced, was {task['RuntimePlatform']}")
        kind, count = provider.lower(), each.properties["DesiredCount"]
        yield Line("Chroma", "processor", int(task["Cpu"]) / KB * hours * count, f"{kind}_arm_vcpu")
        yield Line("Chroma", "memory", int(task["Memory"]) / KB * hours * count, f"{kind}_arm_gb")
        if each.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED":
            yield Line("Chroma", "its public address, to fetch its image", hours * count, "public_ipv4")
        uses = month.usage["chroma"]
        told_gb = month.calls["memory"] * uses["question_kb"] * uses["other_zone"] / MILLION
        yield Line("Chroma", "questions from the other zone", told_gb, "between_zones_gb")


def _disk(month: Month, found: list[Resource]) -> Iterator[Line]:
    uses = month.usage["chroma"]
    for each in found:
        if each.properties.get("ThroughputMode", "bursting") != "bursting":
            raise Unpriced(f"throughput of a disk, was {each.properties['ThroughputMode']}")
        yield Line("Chroma", "its disk", uses["disk_gb"], "efs_gb")
        if each.properties.get("BackupPolicy", {}).get("Status") == "ENABLED":
            yield Line("Chroma", "backups of it", uses["disk_gb"] * uses["backups"], "efs_backup_gb")


def _zone(month: Month, found: list[Resource]) -> Iterator[Line]:
    yield Line("Chroma", "its name: a private zone", len(found), "private_zone")
    yield Line("Chroma", "asked for its name, at most", month.calls["memory"], "dns_queries")


def _tables(month: Month, found: list[Resource]) -> Iterator[Line]:
    for each in found:
        if each.properties["BillingMode"] != "PAY_PER_REQUEST":
            raise Unpriced(f"a table that is not billed by the request, was {each.id}")
        if "StreamSpecification" in each.properties:
            yield from _ledger(month, each)
        elif "LocalSecondaryIndexes" in each.properties:
            yield from _mail(month)
        else:
            yield from _connections(month)


def _ledger(month: Month, table: Resource) -> Iterator[Line]:
    uses, indexes = month.usage["ledger"], len(table.properties.get("LocalSecondaryIndexes", ()))
    head = ceil((uses["head_bytes"] + uses["position_bytes"] * uses["held"] * month.pairs) / KB)
    beside = uses["transaction"] * (ceil(uses["name_bytes"] / KB) + head)
    writes = sum(
        count * (beside + ceil(row["bytes"] / KB) * (uses["transaction"] + uses["index"] * indexed))
        for kind, count in month.entries.items()
        if (row := month.usage["facts"][kind])
        for indexed in [indexes - 1 if row.get("pairless") else indexes]
    )
    yield Line("ledger", "writes", writes, "dynamodb_writes")
    held = month.ledger_bytes * month.usage["months"]
    whole = month.often["page"] * held / 4096
    yield Line("ledger", "reads", month.counted(uses["reads"]) * head + whole, "dynamodb_reads")
    gigabytes = held * (1 + indexes) / GB
    yield Line("ledger", "storage, with its indexes", gigabytes, "dynamodb_gb")
    if table.properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
        yield Line("ledger", "recovery to any second of 35 days", gigabytes, "dynamodb_pitr_gb")
    yield from _purse(month)


def _purse(month: Month) -> Iterator[Line]:
    """In the ledger's table, without an index's keys."""
    uses = month.usage["purse"]
    asked = month.counted(uses["asked"])
    yield Line("purse", "writes", asked * uses["writes"], "dynamodb_writes")
    yield Line("purse", "reads", asked * uses["reads"], "dynamodb_reads")
    yield Line("purse", "storage", asked * uses["bytes"] * month.usage["months"] / GB, "dynamodb_gb")


def _mail(month: Month) -> Iterator[Line]:
    uses = month.usage["mail"]
    told = month.counted(uses["told"])
    writes = told * uses["writes"] + month.heard * uses["turn"]
    yield Line("mail", "writes", writes, "dynamodb_writes")
    looks = month.often["round"] * uses["round_reads"] + month.heard * uses["reads"]
    yield Line("mail", "reads", looks, "dynamodb_reads")
    yield Line("mail", "storage", told * uses["bytes"] * month.usage["months"] / GB, "dynamodb_gb")


def _connections(month: Month) -> Iterator[Line]:
    uses = month.usage["connections"]
    yield Line("page", "connections and tickets, writes", month.counted(uses["writes"]), "dynamodb_writes")
    yield Line("page", "connections and tickets, reads", month.counted(uses["reads"]), "dynamodb_reads")


def _buckets(month: Month, found: list[Resource]) -> Iterator[Line]:
    for each in found:
        if "VersioningConfiguration" in each.properties:
            yield from _archive(month, each)
        else:
            yield Line("page", "the site's files", month.usage["site_mb"] / 1000, "s3_gb")


def _archive(month: Month, bucket: Resource) -> Iterator[Line]:
    rules = bucket.properties["LifecycleConfiguration"]["Rules"]
    puts = gets = kept = 0.0
    for name, row in month.usage["objects"].items():
        days = [each["ExpirationInDays"] for each in rules if each.get("Prefix") == f"{name}/"]
        months = min([month.usage["months"], *(each / DAYS for each in days)])
        count = month.often[row["per"]]
        puts, gets = puts + count, gets + count * row["gets"]
        kept += count * row["bytes"] * months / GB
    yield Line("archive", "puts", puts, "s3_puts")
    yield Line("archive", "gets", gets, "s3_gets")
    yield Line("archive", f"storage after {month.usage['months']} months", kept, "s3_gb")


def _schedules(month: Month, _found: list[Resource]) -> Iterator[Line]:
    yield Line("events", "schedules ring", sum(rings for _, _, rings in month.schedules), "scheduler")


def _bus(month: Month, _found: list[Resource]) -> Iterator[Line]:
    yield Line("events", "facts on the bus", sum(month.facts.values()), "bus_events")


def _queues(month: Month, _found: list[Resource]) -> Iterator[Line]:
    yield Line("events", "dead letters", month.usage["dead_letters"] * 3, "sqs_requests")


def _logs(month: Month, found: list[Resource]) -> Iterator[Line]:
    kept = [each.properties.get("RetentionInDays") or 0 for each in found]
    if not all(kept):
        raise Unpriced("a log that is kept for ever")
    days = max(kept)
    uses, asked = month.usage["logs"], month.calls["memory"] * month.usage["chroma"]["requests"]
    written = sum(month.calls.values()) * uses["invocation_bytes"] + month.calls["api"] * uses["access_bytes"]
    gigabytes = (written + asked * uses["chroma_bytes"]) / GB
    yield Line("watchtower", "logs written", gigabytes, "log_ingest_gb")
    yield Line("watchtower", f"logs of {days} days, at most", gigabytes * days / DAYS, "log_storage_gb")


def _alarms(month: Month, found: list[Resource]) -> Iterator[Line]:
    read = 0
    for each in found:
        if each.properties.get("Period", 60) < 60:
            raise Unpriced(f"an alarm of high resolution, was {each.id}")
        stats = [part["MetricStat"]["Metric"] for part in each.properties.get("Metrics", ()) if "MetricStat" in part]
        read += len(stats) or 1
        for stat in stats or [each.properties]:
            if not stat.get("Namespace", "").startswith(f"{NAMESPACE}/"):
                continue
            [service] = [row["Value"] for row in stat["Dimensions"]]
            if (service, stat["MetricName"]) not in month.metrics:
                raise Unpriced(f"{each.id} reads a metric that is not counted, was {stat['MetricName']}")
    yield Line("watchtower", f"alarms: {len(found)}, the metrics they read", read, "alarm_metrics")
    sent = sum(month.metrics.values())
    yield Line("watchtower", f"custom metrics: {len(month.metrics)}, by the hour", sent, "custom_metrics")


def _topics(month: Month, _found: list[Resource]) -> Iterator[Line]:
    yield Line("watchtower", "mails", month.usage["mails"], "sns_mails")


def _apis(month: Month, found: list[Resource]) -> Iterator[Line]:
    for each in found:
        if each.properties["ProtocolType"] == "HTTP":
            yield Line("page", "requests to the API", month.calls["api"], "http_requests")
            continue
        told = month.often["open"] + sum(month.entries.values()) + month.calls["sockets"]
        yield Line("page", "messages of the socket", told, "socket_messages")
        yield Line("page", "minutes that a socket is open", month.often["open"], "socket_minutes")


def _distribution(month: Month, _found: list[Resource]) -> Iterator[Line]:
    asked = month.calls["api"] + month.often["page"] * 10
    yield Line("page", "requests to the site", asked, "cloudfront_requests")
    loaded = month.often["page"] * month.usage["site_mb"] + month.calls["api"] * 0.05
    yield Line("page", "loaded from the site", loaded / 1000, "cloudfront_gb")


def _routing(month: Month, _found: list[Resource]) -> Iterator[Line]:
    yield Line("page", "addresses rewritten", month.often["page"] * 10, "cloudfront_functions")


def _people(month: Month, found: list[Resource]) -> Iterator[Line]:
    for each in found:
        if each.properties["UserPoolTier"] != "ESSENTIALS":
            raise Unpriced(f"the plan of a user pool, was {each.properties['UserPoolTier']}")
        yield Line("page", "people", month.usage["users"], "cognito_users")


def _endpoints(_month: Month, found: list[Resource]) -> Iterator[Line]:
    """Those of gateways cost nothing; any other is billed by the hour."""
    for each in found:
        if each.properties["VpcEndpointType"] != "Gateway":
            raise Unpriced(f"an endpoint that is not a gateway, was {each.id}")
    yield from ()


def _discovery(_month: Month, found: list[Resource]) -> Iterator[Line]:
    yield Line("Chroma", "its entry under that name", len(found), "cloud_map_entry")


def _outside(month: Month) -> Iterator[Line]:
    """What no template of ours holds, and a deployment needs."""
    yield Line("outside", "what `cdk bootstrap`'s bucket keeps", month.usage["staged_gb"], "s3_gb")
    # a container keeps them for five minutes: only pairs that close together may share a reading
    readings = sum(month.calls[name] for name in ("context", "news", "decide", "review"))
    uses = month.usage["secrets"]
    decrypted = readings * uses["kept"] + month.heard * uses["of_discord"]
    yield Line("outside", f"secrets decrypted, all {uses['kept']} at once", decrypted, "kms_requests")


PRICED: dict[str, Callable[[Month, list[Resource]], Iterator[Line]]] = {
    "AWS::ECS::Service": _service,
    "AWS::EFS::FileSystem": _disk,
    "AWS::ServiceDiscovery::PrivateDnsNamespace": _zone,
    "AWS::ServiceDiscovery::Service": _discovery,
    "AWS::EC2::VPCEndpoint": _endpoints,
    "AWS::Lambda::Function": _functions,
    "AWS::DynamoDB::Table": _tables,
    "AWS::S3::Bucket": _buckets,
    "AWS::Scheduler::Schedule": _schedules,
    "AWS::Events::EventBus": _bus,
    "AWS::SQS::Queue": _queues,
    "AWS::Logs::LogGroup": _logs,
    "AWS::CloudWatch::Alarm": _alarms,
    "AWS::SNS::Topic": _topics,
    "AWS::ApiGatewayV2::Api": _apis,
    "AWS::CloudFront::Distribution": _distribution,
    "AWS::CloudFront::Function": _routing,
    "AWS::Cognito::UserPool": _people,
}


class Bill:
    """A month's lines, with and without what every account has free."""

    def __init__(self, month: Month) -> None:
        self.month, self.prices = month, prices(month.tariff)
        unknown = {each.type for each in month.all} - PRICED.keys() - month.tariff["free"].keys()
        if unknown:
            raise Unpriced(f"neither priced nor listed as free: {', '.join(sorted(unknown))}")
        there = [type for type in PRICED if month.of(type)]
        self.lines = [line for type in there for line in PRICED[type](month, month.of(type))]
        self.lines += _outside(month)
        if unsaid := {line.price for line in self.lines} - self.prices.keys():
            raise Unpriced(f"no price is said of {', '.join(sorted(unsaid))}: add it to prices.toml")

    def full(self, line: Line) -> float:
        price = self.prices[line.price]
        return line.amount / price.scale * price.usd

    def paid(self, line: Line) -> float:
        """What is free is shared by all lines of that price."""
        price = self.prices[line.price]
        used = sum(each.amount for each in self.lines if each.price == line.price) / price.scale
        return self.full(line) * max(0.0, used - price.free) / used if used else 0.0

    def total(self, price: Callable[[Line], float] | None = None) -> float:
        return sum(map(price or self.paid, self.lines))

    def paid_for(self, *names: str) -> float:
        return sum(self.paid(line) for line in self.lines if line.price in names)


def synthesized(folder: Path, flags: Mapping[str, Any]) -> Path:
    """The templates of one deployment, whatever was built here and whatever config.toml says."""
    from .app import app

    site = folder / "dist"
    (site / "assets").mkdir(parents=True)
    for part in ("index.html", "assets/index.js"):
        (site / part).write_text("", encoding="utf-8")
    sourced = load(flags, {"SEMSIG_CONFIG": os.devnull})
    app(Deployment(sourced, layer=lambda _: None, site=site), outdir=str(folder / "out")).synth()
    return folder / "out"


def bills(of: Tariff) -> dict[str, Bill]:
    """Of all cases."""
    found = {}
    with TemporaryDirectory() as top:
        for number, (name, flags) in enumerate(CASES.items()):
            made = synthesized(Path(top, str(number)), flags)
            found[name] = Bill(Month(resources(made), of))
    return found


# --- The page --------------------------------------------------------------------------------------------------------

HEAD = """# What a month costs

Made by `make cost` from the templates and [`infra/prices.toml`](../infra/prices.toml): prices of {region} as of {date},
in US dollars, without taxes. **None was compared with AWS's live pages**; the last tables say where each comes from.
Nothing ran on AWS either: durations and sizes are assumed, or measured on a desk. The model is not counted: see
[operations](operations.md). What every account has free each month is taken off; what is free for twelve months is not.

Your own deployment: `make synth`, then `.venv/bin/python -m infra.cost cdk.out`.

"""


def page(all: Mapping[str, Bill], of: Tariff) -> str:
    one, ten = all[ONE_PAIR], all[TEN_PAIRS]
    parts = [
        HEAD.format(**of["about"]),
        *_summary(all),
        "\n## Where it goes\n\nAll pairs decide on 4 h candles.\n\n",
        *detail(one, ten),
        *_difference(all),
        _measured(one),
        *_assumed(of, one),
        *_listed(of),
    ]
    return "".join(parts)


def _summary(all: Mapping[str, Bill]) -> Iterator[str]:
    yield "| deployment | a month | goal | | without what is free |\n|---|---:|---:|---|---:|\n"
    for name, bill in all.items():
        goal = next(goal for pairs, goal in GOALS.items() if name.startswith(pairs))
        verdict = "met" if bill.total() <= goal else f"**missed by {bill.total() - goal:.2f}**"
        yield f"| {name} | {bill.total():.2f} | {goal:g} | {verdict} | {bill.total(bill.full):.2f} |\n"


def detail(*of: Bill) -> Iterator[str]:
    """Each line, side by side."""
    heads = "".join(f" {bill.month.pairs} pair{'s' * (bill.month.pairs > 1)}: amount | $ | not free |" for bill in of)
    yield f"| part | what | price |{heads}\n|---|---|---|{'---:|---:|---:|' * len(of)}\n"
    for lines in sorted(zip(*(bill.lines for bill in of), strict=True), key=lambda lines: lines[0].part):
        price = of[0].prices[lines[0].price]
        cells = "".join(
            f" {_number(line.amount)} | {bill.paid(line):.2f} | {bill.full(line):.2f} |"
            for bill, line in zip(of, lines, strict=True)
        )
        yield f"| {lines[0].part} | {lines[0].what} | {_price(price)} |{cells}\n"
    sums = "".join(f" | **{bill.total():.2f}** | **{bill.total(bill.full):.2f}** |" for bill in of)
    yield f"| **all** | | |{sums}\n"


def _difference(all: Mapping[str, Bill]) -> Iterator[str]:
    one, spot = all[ONE_PAIR], all[ONE_PAIR + SPOT]
    rows = {
        "`cloud.is_spot = true`": (
            one.total() - spot.total(),
            "Chroma pauses for a minute or two when AWS takes its task; meanwhile decisions are made without memory",
        ),
        "Chroma without a public IPv4 address": (
            one.paid_for("public_ipv4"),
            "subnets with IPv6 only; its registry, the logs and EFS must all answer there: not tried",
        ),
        "alarms that read no more than ten metrics": (
            one.paid_for("alarm_metrics"),
            "one queue of dead letters instead of one a function, which then does not name who gave up; "
            "an alarm of a sum does not help: it is billed by each metric in it",
        ),
        "Chroma found without Cloud Map": (
            one.paid_for("private_zone", "cloud_map_entry", "dns_queries"),
            "the memory function looks up the address of its task itself",
        ),
    }
    yield "\n## What would make the difference\n\n| change | saves, one pair | its price |\n|---|---:|---|\n"
    for change, (saved, risk) in sorted(rows.items(), key=lambda row: -row[1][0]):
        yield f"| {change} | {saved:.2f} | {risk} |\n"
    if (alone := one.paid_for("fargate_arm_vcpu", "fargate_arm_gb", "public_ipv4")) > GOALS[ONE_PAIR]:
        yield f"\nChroma's task and its address alone are {alone:.2f}: "
        yield "without Spot, the goal of one pair is out of reach.\n"


def _measured(one: Bill) -> str:
    price, shares = one.prices["custom_metrics"], one.month.metrics.values()
    return f"""
## Custom metrics

{len(shares)} can be sent (service × name), and an alarm reads each. They are billed by the hour in which they are sent:
{sum(shares):.2g} metric-months when all is well, with one pair as with ten. The account's other metrics share the
{price.free:g} that are free; were these billed for every hour, they would be {len(shares) * price.usd:.2f} dollars.
"""


def _assumed(of: Tariff, one: Bill) -> Iterator[str]:
    yield "\n## Usage\n\n"
    uses, memory = of["usage"], {_name(each): each.properties for each in one.month.of("AWS::Lambda::Function")}
    yield f"A deployment of {uses['months']} months; the page is opened {uses['pages']} times a month and open "
    yield f"{uses['open_minutes'] / 60:g} hours; {uses['users']} people. One pair:\n\n"
    yield "| function | MB | calls | ms, assumed | because |\n|---|---:|---:|---:|---|\n"
    for name, row in uses["functions"].items():
        ms = row["ms"] + row.get("ms_per_pair", 0)
        calls = _number(one.month.calls[name])
        yield f"| {name} | {memory[name]['MemorySize']} | {calls} | {ms} | {row['why']} |\n"
    yield "\n| object | bytes | a month | because |\n|---|---:|---:|---|\n"
    for name, row in uses["objects"].items():
        yield f"| {name} | {row['bytes']} | {_number(one.month.often[row['per']])} | {row['why']} |\n"
    yield "\nFacts, entries of the ledger and all else: `infra/prices.toml`, each with its reason.\n"


def _listed(of: Tariff) -> Iterator[str]:
    yield f"\n## Prices\n\nAs of {of['about']['date']}.\n\n"
    yield "| price | $ | per | free a month | where |\n|---|---:|---|---:|---|\n"
    for name, price in prices(of).items():
        free = f"{price.free:,g}" if price.free else ""
        yield f"| {name} | {price.usd:.10f}".rstrip("0").rstrip(".") + f" | {price.per} | {free} | {price.where} |\n"
    yield "\n## Costs nothing\n\n| resource | because |\n|---|---|\n"
    for type, why in of["free"].items():
        yield f"| {type} | {why} |\n"
    yield "\nThere is no NAT gateway, load balancer, CodeBuild, Container Insights, X-Ray or Secrets Manager.\n"


def _price(price: Price) -> str:
    return f"{price.usd:.10f}".rstrip("0").rstrip(".") + f" / {price.per}"


def _number(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def main(words: list[str]) -> int:
    of = tariff()
    if words:
        if not any(Path(words[0]).glob("*.template.json")):
            sys.stderr.write(f"cost: no templates in {words[0]}; make synth, then its cdk.out\n")
            return 2
        bill = Bill(Month(resources(Path(words[0])), of))
        sys.stdout.write("".join(detail(bill)))
        return 0
    found = bills(of)
    PAGE.write_text(page(found, of), encoding="utf-8")
    for name, bill in found.items():
        sys.stdout.write(
            f"cost: {name:<16} {bill.total():>6.2f} a month, {bill.total(bill.full):.2f} without what is free\n"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
