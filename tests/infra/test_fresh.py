"""Each function in a process like its own: only its layers and its file are there, and they suffice."""

import json
from pathlib import Path

import pytest

from infra import layers
from infra.recipes import SERVICES, VENUES
from semanticsignal.domain.policy import Settings
from tests.infra.drawing import CHART
from tests.infra.fresh import NOT_BUILT, WHERE, fresh, worn

FUNCTIONS = sorted(path.stem for path in layers.FUNCTIONS.glob("*.py") if path.stem != "__init__")
HEAVY = {"boto3", "ccxt", "matplotlib", "numpy", "openai", "pandas", "talib"}
# figures of the whole ledger are what the API is asked for
AT_START = {"api": "True numpy"}
A_FEED = "<rss version='2.0'><channel><item><title>Up</title></item></channel></rss>"


def answer(name: str, code: str, env: dict[str, str] | None = None) -> str:
    """What the code printed, as that function."""
    if worn(name) is None:
        pytest.skip(NOT_BUILT)
    done = fresh(name, code, env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_function_is_in_the_table_of_what_is_worn() -> None:
    assert set(FUNCTIONS) <= set(layers.WEARS)


@pytest.mark.parametrize("name", [pytest.param(name, id=f"{name}, Python {WHERE.python}") for name in FUNCTIONS])
def test_a_function_needs_nothing_but_what_it_wears_and_nothing_heavy_to_start(name: str) -> None:
    code = f"import {name}, sys\nprint(callable({name}.handler), *sorted({HEAVY} & sys.modules.keys()))"

    assert answer(name, code) == AT_START.get(name, "True")


def test_our_code_and_its_libraries_come_from_the_layers_alone() -> None:
    code = "import collect, json, sys, sysconfig\nfound = {m.__file__ for m in sys.modules.values() if "
    code += "getattr(m, '__file__', None)}\nprint(json.dumps([sorted(found), sysconfig.get_path('stdlib')]))"

    found, stdlib = json.loads(answer("collect", code))

    tops = (str(layers.BUILD), str(layers.FUNCTIONS), str(Path(stdlib)))
    assert [path for path in found if not path.startswith(tops)] == []


def test_byte_code_knows_itself_under_opt() -> None:
    code = (
        "import marshal; from pathlib import Path; from semanticsignal import codec\n"
        "print(marshal.loads(Path(codec.__cached__).read_bytes()[16:]).co_filename)"
    )

    assert answer("sockets", code) == "/opt/python/semanticsignal/codec.py"


def test_the_plugs_that_every_function_wears_need_no_more_than_core() -> None:
    plugs = ("inmemory", "dynamodb", "s3", "eventbridge", "memory_function", "chroma", "apigateway", "ssm")
    code = f"import sys\nfrom semanticsignal.adapters import {', '.join(plugs)}\nfrom semanticsignal import stages"

    assert answer("reflect", f"{code}\nprint('numpy' in sys.modules)") == "False"


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_a_venue_is_opened_and_no_other_is_imported(venue: str) -> None:
    code = (
        "import sys\nfrom semanticsignal.adapters import ccxt\n"
        f"venue = ccxt._loaded({venue!r})[0]({{}})\n"
        "print(venue.id, *[name for name in sys.modules if name.count('.') == 2 and "
        "name.startswith('ccxt.async_support.') and name.split('.')[2] not in ('base', venue.id)])"
    )

    found, *parents = answer("collect", code).split()

    assert found == venue
    assert all(venue.startswith(parent.split(".")[2]) for parent in parents)


def test_the_venue_that_is_set_by_default_is_among_them() -> None:
    assert Settings().exchange in VENUES


def test_ccxt_itself_still_imports_and_lists_the_venues_that_are_there() -> None:
    assert answer("collect", "import ccxt.async_support as ccxt; print(*ccxt.exchanges)").split() == sorted(VENUES)


def test_a_chart_is_drawn_with_what_was_left_of_the_libraries(tmp_path: Path) -> None:
    where = tmp_path / "chart.png"

    said = answer(
        "analyse",
        f"{CHART}\nimport sys\nfrom pathlib import Path\nPath({str(where)!r}).write_bytes(picture)\n"
        "print('pandas' in sys.modules)",
        {"MPLCONFIGDIR": str(tmp_path)},
    )

    assert said == "False"
    assert where.read_bytes().startswith(b"\x89PNG") and where.stat().st_size > 30_000


def test_the_model_client_is_made() -> None:
    code = (
        "from importlib.metadata import version\n"
        "from semanticsignal.adapters.openai_compatible import OpenAICompatible\n"
        "OpenAICompatible('http://127.0.0.1:9/v1', 'model'); print(version('openai'))"
    )

    assert f"openai=={answer('decide', code)}" in layers.lock()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_boto3_knows_the_services_we_call(service: str) -> None:
    code = (
        f"import boto3; print(boto3.client({service!r}, region_name='eu-central-1', aws_access_key_id='a', "
        "aws_secret_access_key='b').meta.service_model.service_name)"
    )

    assert answer("sockets", code) == service


def test_the_routes_are_served_through_mangum() -> None:
    assert answer("api", "import mangum, semanticsignal.drivers.api; print(callable(mangum.Mangum))") == "True"


def test_a_feed_is_read() -> None:
    assert answer("news", f"import feedparser; print(feedparser.parse({A_FEED!r}).entries[0].title)") == "Up"
