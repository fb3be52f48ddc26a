"""Cold starts: each function in a fresh process with nothing but what it wears. CPU time, byte-code as shipped."""

import json
import tempfile

from bench.measures import Figure
from infra import layers
from tests.infra.drawing import CHART
from tests.infra.fresh import NOT_BUILT, WHERE, fresh, worn

ROUNDS = 7
HEAVY = {"analyse", "decide"}
# A child begins with the peak of who started it in ru_maxrss; VmHWM begins anew.
TIMED = """
import json, resource, sys, time
began = time.process_time()
{code}
spent = (time.process_time() - began) * 1e3
try:
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([spent, peak / 1e6]))
"""
# What a function puts on with its first event: by whom, and how.
FIRST_USES = {
    "ccxt, one venue": ("collect", "from semanticsignal.adapters import ccxt\nccxt._loaded('binance')[0]({})"),
    "openai client": (
        "decide",
        "from semanticsignal.adapters.openai_compatible import OpenAICompatible\n"
        "OpenAICompatible('http://127.0.0.1:9/v1', 'model')",
    ),
    "snapshot and chart": ("analyse", CHART),
    "boto3, DynamoDB and EventBridge": (
        "collect",
        "import boto3\nfor name in ('dynamodb', 'events'): boto3.client(name, region_name='eu-central-1')",
    ),
    "FastAPI, our routes, Mangum": ("api", "import mangum, semanticsignal.drivers.api"),
    "feedparser": ("news", "import feedparser"),
}


def measured(name: str, code: str) -> tuple[list[float], list[float]]:
    """CPU ms and resident MB. The first process, which reads the files from the disk, does not count."""
    spent, resident = [], []
    with tempfile.TemporaryDirectory() as folder:
        for counts in (False, *[True] * ROUNDS):
            done = fresh(name, TIMED.format(code=code), {"MPLCONFIGDIR": folder})
            if done.returncode:
                raise SystemExit(f"bench: {name} failed:\n{done.stderr}")
            if counts:
                ms, mb = json.loads(done.stdout.splitlines()[-1])
                spent.append(ms)
                resident.append(mb)
    return spent, resident


def cold() -> list[Figure]:
    """Sizes are of the layers for this machine; those for arm64 differ by a few per cent."""
    if not all(worn(name) for name in layers.WEARS):
        raise SystemExit(f"bench: {NOT_BUILT}")
    sizes = {layer: layers.known(layer, WHERE)["unzipped"] for layer in layers.NAMES}
    found = []
    for name in layers.WEARS:
        if not (layers.FUNCTIONS / f"{name}.py").exists():
            continue
        spent, resident = measured(name, f"import {name}")
        limit = layers.OWN_MB.get(name, layers.MOST_MB)
        found += [
            Figure(f"cold {name}, import", "ms CPU", spent, "<= 1500" if name in HEAVY else "<= 700"),
            Figure(f"cold {name}, resident", "MB", resident),
            Figure(f"cold {name}, unzipped", "MB", [layers.weight(name, sizes) / 1e6], f"<= {limit}"),
        ]
    for title, (name, code) in FIRST_USES.items():
        found.append(Figure(f"cold first use: {title}", "ms CPU", measured(name, code)[0]))
    return found
