"""`semsig …`: exit code 0 done, 1 failed, 2 wrong use; one line for each, never a traceback."""

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from .. import __version__
from ..codec import plain
from ..domain.errors import AlreadyRunning, BadInput, SemanticSignalError, Unavailable
from ..domain.learning import PassageKind, Which
from ..domain.ledger import What
from ..domain.market import Symbol, Timeframe
from ..domain.policy import Provider, Settings
from ..domain.secrets import SECRETS
from ..domain.trading import Side
from ..logic.show.unsaid import Unsaid
from ..settings import Sourced, config_file, in_words, lines_of, load, passed_over, rows, secret, secret_origin
from . import completions
from .diary import Damped, unsaid
from .discretion import discreet
from .lines import OneLine, one_line
from .usage import Command, UsageError
from .writable import check_file, whole

if TYPE_CHECKING:
    from .farewell import Farewell

EXITS = "Exit code: 0 done, also when told to stop; 1 failed; 2 wrong use. What went wrong is one line on stderr."

cli = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Semantic Signal: autonomous crypto paper trading. Educational; no real order is ever placed.",
    epilog=EXITS,
)  # fmt: skip

Home = Annotated[
    str | None,
    typer.Option("--home", help="Folder of ledger and archive; else the setting home, .semsig.", metavar="DIR"),
]
Remote = Annotated[bool, typer.Option("--remote", help="On the deployment (cloud.stage) in your AWS account.")]
Symbols = Annotated[
    str | None,
    typer.Option(
        "--symbols", help="Pairs, A/B,C/D; else the setting.", autocompletion=completions.symbols, metavar="A,B"
    ),
]
Port = Annotated[
    int | None,
    typer.Option("--port", help="Port of dashboard and API, on loopback; else the setting, 8000.", metavar="P"),
]


# Begin and end of a time, first as they are called everywhere, then as they once were.
FROM, TO = ("--from", "--since"), ("--to", "--until")
# Fewer bars are there before anybody looks.
WORTH_A_BAR = 1_000
# Columns, more than a table has.
UNBOUNDED = 10_000
# Without a terminal, of a long past, and of a replay.
SAID_EACH_S, REPLAYED_EACH_S = 15.0, 10.0
STANDS = "interrupted; what was done stands in {}, and the same command goes on from there"


def main() -> None:
    from typer._completion_classes import completion_init

    completion_init()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not every terminal has every letter
            stream.reconfigure(errors="replace")
    hides = Unsaid(secret)
    with discreet(hides), unsaid(hides), _in_one_line():
        sys.exit(cli(sys.argv[1:] or ["--help"], prog_name="semsig", standalone_mode=False) or 0)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """A mistake of the user exits with 2, a failure or an interruption with 1, each in one line."""
    try:
        yield
    except (BadInput, AlreadyRunning) as wrong:
        _fail(str(wrong), 2)
    except SemanticSignalError as wrong:
        _fail(str(wrong), 1, is_screen=getattr(wrong, "is_screen", False))
    except UsageError as wrong:
        said = in_words(wrong.format_message().rstrip("."))
        _fail(f"{said}{_given(wrong)}; `{_path(wrong)} --help` says what there is", 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted", 1)
    except OSError as wrong:
        _fail(f"{wrong.strerror or wrong}, was {wrong.filename or 'no file'}", 1)


def _given(wrong: Any) -> str:
    """What was written for the option that is complained of, where it says none of it."""
    line = sys.argv[1:]
    for name in getattr(getattr(wrong, "param", None), "opts", ()):
        after = [line[at + 1] for at, word in enumerate(line[:-1]) if word == name]
        after += [word.removeprefix(f"{name}=") for word in line if word.startswith(f"{name}=")]
        if after and after[-1] not in wrong.format_message():
            return f", was {after[-1] or repr('')}"
    return ""


def _path(wrong: Any) -> str:
    """The command that was meant; of the program, where it was none."""
    return getattr(getattr(wrong, "ctx", None), "command_path", "") or "semsig"


def _fail(reason: str, code: int, *, is_screen: bool = False) -> None:
    lines = reason.splitlines() if is_screen else [one_line(reason)]
    shown = "\n".join("".join(c for c in line if c.isprintable()) for line in lines)
    sys.stderr.write(f"semsig: {shown}\n")
    sys.exit(code)


@cli.command("help", cls=Command, epilog=EXITS)
def explain(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(help="A command, as memory search.", metavar="[COMMAND]…")
    ] = None,
) -> None:
    """What a command does: the same as its --help.

    Example: semsig help run"""
    at = ctx.find_root()
    for word in words or ():
        group: Any = at.command
        found = group.get_command(at, word) if hasattr(group, "get_command") else None
        if found is None:
            raise UsageError(f"No such command '{word}'", ctx=at)
        at = typer.Context(found, info_name=word, parent=at)
    typer.echo(at.get_help())


@cli.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        typer.echo(f"semsig {__version__}")
        raise typer.Exit


@cli.command(cls=Command, epilog=EXITS, short_help="Trade paper money in one process, with a dashboard.")
def run(
    market: Annotated[
        str,
        typer.Option(
            "--market",
            help="simulated, live, or a folder of recorded candles.",
            autocompletion=completions.market,
            metavar="WHERE",
        ),
    ] = "simulated",
    speed: Annotated[
        str | None,
        typer.Option(
            "--speed",
            help="Simulated seconds a second, up to 21600 or max; else the setting, 720.",
            autocompletion=completions.speed,
            metavar="N",
        ),
    ] = None,
    symbols: Symbols = None,
    port: Port = None,
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Never ask before something open is left.")] = False,
    is_plain: Annotated[bool, typer.Option("--plain", help="The lines of a log, on a terminal too.")] = False,
) -> None:
    """Everything in one process: market, decisions, paper money, dashboard.

    On a terminal a living screen: a analyses the chosen pair, arrows or tab choose, h helps, d opens the dashboard, q
    quits (and asks first while a position is open). On a dumb terminal and with --plain the same keys beside a log;
    without a terminal a log.

    A live market needs an exchange that can be read from here: semsig doctor says which can.

    Example: semsig run --market simulated --speed 720 --symbols BTC/USDC,ETH/USDC"""
    from .farewell import Farewell

    with Farewell().listening() as bye:  # what comes next is loaded for a while
        from . import deciders, instance, worlds

        sourced = load({"symbols": _listed(symbols), "port": port, "home": home})
        settings = worlds.suited(_pairs(sourced, market, symbols), market, speed)
        worlds.factor_of(settings, speed)
        _logged()
        _warn_of_dotenv()
        deciders.check(settings, is_live=market == "live")
        if market == "live":
            _reach(settings)
            if line := deciders.decides(settings):
                logging.getLogger("semsig").info("%s", line)
        turning = partial(instance.run, settings, (market, speed), bye=bye, is_port_given="port" in sourced.origins)
        asyncio.run(_run(turning, market, yes=yes, is_plain=is_plain))
    if bye.is_interrupted:
        typer.echo(f"semsig: {STANDS.format(settings.home)}", err=True)


def _warn_of_dotenv() -> None:
    for line in passed_over():
        typer.echo(f"semsig: {one_line(line)}", err=True)


def _logged() -> None:
    """What happens, a line each, beside what is printed."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(Damped())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "httpx2", "openai", "ccxt", "asyncio", "filelock"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _reach(settings: Settings) -> None:
    """Before anything is made: whether any venue can be read from here. Raises Offline, InvalidSymbol."""
    from .. import wiring
    from . import doctor

    with _waiting("asking the exchanges"):
        told = doctor.run(doctor.answers(wiring.venues(settings, wiring.system_clock()), settings.pairs))
    if line := doctor.reachable(told, settings.pairs):
        logging.getLogger("semsig").warning("%s", line)


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """A sign of life on a terminal; silence elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{what} …"):
        yield


def _pairs(sourced: Sourced, market: str, symbols: str | None) -> Settings:
    """The simulated market trades its own pairs unless somebody asked for others."""
    from dataclasses import replace

    settings = sourced.settings
    if market == "simulated" and symbols is None and "symbols" not in sourced.origins:
        return replace(settings, symbols=settings.simulation.symbols)
    return settings


async def _run(turning: Callable[[Any], Any], market: str, *, yes: bool, is_plain: bool) -> None:
    from . import keys, terminal
    from .actions import Actions
    from .browser import browser

    browse = browser()
    listening: list[asyncio.Task[None]] = []

    async def on_lines(room: Any, address: str) -> None:
        await keys.listen(Actions(room, address, _Lines(address), yes=yes, browse=browse).press)

    async def on_screen(room: Any, address: str) -> None:
        try:
            await terminal.show(room, address, yes=yes, browse=browse)
        except Exception as wrong:
            # what trades goes on; only the picture of it does not
            logging.getLogger("semsig").error("the screen broke, so from here on there are lines: %r", wrong)
            await on_lines(room, address)

    def ready(room: Any, address: str) -> None:
        label = "SIMULATED market" if room.on.market.is_simulated else market
        typer.echo(f"Semantic Signal {__version__}: {address}  ({label}, paper money only; a analyze, h help, q quit)")
        is_shown = not is_plain and terminal.is_possible()
        hearing = on_screen(room, address) if is_shown else on_lines(room, address)
        listening.append(asyncio.create_task(hearing))

    try:
        await turning(ready)
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


class _Lines:
    """The face of the keys where there is no screen."""

    def __init__(self, address: str) -> None:
        self._address = address

    def say(self, text: str, for_s: float) -> None:
        del for_s  # a line stands
        typer.echo(text)

    def chose(self, pair: str) -> None:
        typer.echo(f"{pair} is chosen")

    def help(self) -> None:
        keys = "a: analyze the chosen pair now · arrows or tab: choose · h: this help · d: open the dashboard · q: quit"
        typer.echo(f"{keys} · dashboard: {self._address}")


@cli.command(cls=Command, epilog=EXITS, short_help="Force an analysis now.")
def analyze(
    symbol: Annotated[
        str, typer.Argument(help="Pair, like BTC/USDC.", metavar="SYMBOL", autocompletion=completions.symbol)
    ],
    port: Port = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the decision, 240 s at most, and print it.")] = False,
    is_remote: Remote = False,
) -> None:
    """Forces an analysis on the running instance, or on the deployed one. It is queued behind one that runs, never
    lost, and with --wait its decision is printed as JSON.

    Example: semsig analyze BTC/USDC --wait

    Example, on AWS: semsig analyze BTC/USDC --remote --wait"""
    from . import remote

    Symbol.parse(symbol)
    settings = load({"port": port}).settings
    if is_remote:
        answer = asyncio.run(remote.analyze_deployed(settings, symbol, wait=wait))
    else:
        answer = asyncio.run(remote.analyze(f"http://127.0.0.1:{settings.port}", symbol, wait=wait))
    typer.echo(json.dumps(answer, indent=2))


memory = typer.Typer(help="The memory, an index of what the ledger says was learned.", epilog=EXITS)
cli.add_typer(memory, name="memory")


@memory.command(cls=Command, epilog=EXITS, short_help="Read the ledger into a new index.")
def rebuild(
    home: Home = None,
    is_remote: Remote = False,
) -> None:
    """Throws the index away and reads the ledger again; of a home that is not running, or of the deployment.

    Example: semsig memory rebuild --home ~/semsig"""
    from . import keeper, remote

    settings = load({"home": home}).settings
    if not is_remote and settings.memory.store == "embedded":
        typer.echo("this memory is kept in the process and reads the ledger at each start: nothing to do")
        return
    with _waiting("reading the ledger into a new index"):
        count = asyncio.run(remote.rebuild_deployed(settings) if is_remote else keeper.rebuilt(settings))
    typer.echo(f"memory holds {count} experiences, as the ledger does")


@memory.command(cls=Command, epilog=EXITS, short_help="Search what was learned by what it means.")
def search(
    words: Annotated[str, typer.Argument(help="What it should be about.", metavar="WORDS")],
    kind: Annotated[PassageKind | None, typer.Option("--kind", help="Only these.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="At most N.", metavar="N", min=1, max=1000)] = 10,
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False,
) -> None:
    """Insights, rules and post-mortems of a home by what they mean, also while a run holds it.

    Example: semsig memory search "a breakout that failed on low volume" """
    from . import questions

    kinds = (kind,) if kind else tuple(PassageKind)
    settings = load({"home": home}).settings
    told = asyncio.run(questions.searched(settings, words, until=questions.FOREVER, limit=limit, kinds=kinds))
    if as_json:
        typer.echo(json.dumps(plain(told), indent=2))
        return
    for one in told:
        typer.echo(f"{one.similarity:.2f}  {one.at:%Y-%m-%d}  {one.kind}: {one_line(one.text)}")
    if not told:
        typer.echo("nothing that was written down means anything like it")


@memory.command(cls=Command, epilog=EXITS, short_help="What worked, by what trades had in common.")
def worked(
    during: Annotated[
        str | None,
        typer.Option("--during", help="The newest time of such a regime: bull, bear, ranging…", metavar="WORD"),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Only this pair.", autocompletion=completions.symbol, metavar="S")
    ] = None,
    side: Annotated[Side | None, typer.Option("--side", help="Only this side.")] = None,
    regime: Annotated[
        str | None, typer.Option("--regime", help='As at entry, "bull trending".', metavar="WORDS")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Closed then or later, UTC; else from the beginning.", metavar="D")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Closed by then, UTC; else up to now.", metavar="D")] = None,
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False,
) -> None:
    """What worked, of the closed trades of a home, by what they had in common, also while a run holds it.

    Example: semsig memory worked --during bull"""
    from . import questions

    which = Which(Symbol.parse(symbol) if symbol else None, side, regime, _instant("--from", since) if since else None)
    question = questions.Question(which, _instant("--to", until) if until else questions.FOREVER, during)
    told = asyncio.run(questions.read(load({"home": home}).settings, question))
    if as_json:
        typer.echo(json.dumps(plain(told), indent=2))
        return
    if not told.trades:
        typer.echo(f"no trade {questions.time(told)} matches")
        return
    if during or since or until:
        typer.echo(f"trades {questions.time(told)}")
    _print_table(questions.HEAD, questions.rows(told))


@cli.command(cls=Command, epilog=EXITS, short_help="Run the agent over recorded candles.")
def replay(
    folder: Annotated[Path, typer.Argument(help="Folder of recorded candles.", metavar="DIR")],
    symbol: Annotated[
        str | None,
        typer.Option(
            "--symbol", help="Pairs, A/B,C/D; else the setting.", autocompletion=completions.symbols, metavar="S[,S…]"
        ),
    ] = None,
    timeframe: Annotated[
        str | None,
        typer.Option(
            "--timeframe",
            help="Length of a bar, 1m to 1w; else the setting, 4h.",
            autocompletion=completions.timeframe,
            metavar="TF",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="First close decided on, UTC; else the first there is.", metavar="D")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="End, exclusive, UTC; else the last bar there is.", metavar="D")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A provider, recorded:HOME, or a name at model.base_url; else the setting.",
            autocompletion=completions.model,
            metavar="NAME",
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", help="Keep the ledger here, run again to go on; else nothing is kept.", metavar="DIR"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the report here.", metavar="FILE")] = None,
) -> None:
    """The whole agent over recorded candles, with baselines that pay funding too; the same candles give the same
    ledger, byte for byte.

    DIR holds files like binance_spot_BTCUSDT_4h.parquet or .csv.gz with ts, open, high, low, close, volume; finer files
    of a pair resolve fills. With --home it goes on where it was interrupted.

    Example: semsig replay candles/ --symbol BTC/USDT --timeframe 4h --from 2023-01-01 --to 2024-01-01"""
    from .farewell import INTERRUPTED, Farewell
    from .replay import Plan, replay

    flags: dict[str, Any] = {"symbols": _listed(symbol), "timeframe": timeframe}
    kind, _, tail = (model or "").partition(":")
    if model == "recorded:":
        raise BadInput("--model recorded: takes the home of a run, as in recorded:.semsig")
    recorded = Path(tail) if kind == "recorded" and tail else None
    if model in get_args(Provider):
        flags |= {"model.provider": model}
    elif model is not None and not recorded:
        flags |= {"model.provider": "local", "model.name": model}
    settings = load(flags).settings
    start = _instant("--from", since or "2000-01-01")
    end = _instant("--to", until or "2100-01-01")
    if start >= end:
        raise BadInput(f"--from must lie before --to, was {start.isoformat()} and {end.isoformat()}")
    if out is not None:
        check_file("--json", out)
    plan = Plan(settings, start, end, recorded)
    try:
        with Farewell(INTERRUPTED).listening() as bye, _bar() as progress:
            report = asyncio.run(_until_told(replay(folder, plan, home, progress), bye))
    except asyncio.CancelledError:
        nothing = "interrupted; nothing of it is kept: with --home DIR the same command goes on from where it was"
        _fail(STANDS.format(home) if home else nothing, INTERRUPTED)
    _print_report(report)
    if out is not None:
        _write(out, json.dumps(report, indent=2) + "\n")


async def _until_told(work: Coroutine[Any, Any, Any], bye: "Farewell") -> Any:
    """Canceled when it is told to stop."""
    bye.cancels()
    return await work


def _listed(symbols: str | None) -> list[str] | None:
    return None if symbols is None else [part.strip() for part in symbols.split(",") if part.strip()]


def _at(names: Sequence[str], text: str | None) -> datetime | None:
    """Complained of by the name that was written."""
    written = [name for name in names if any(word.partition("=")[0] == name for word in sys.argv)]
    return None if text is None else _instant((written or names)[0], text)


def _instant(option: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadInput(f"{option} is a date or an instant, like 2023-01-31 or 2023-01-31T12:00, was {text}") from None


@contextmanager
def _bar(now_s: Callable[[], float] = time.monotonic) -> Iterator[Any]:
    """A progress bar on a terminal; now and then a line elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    said_at = now_s()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("replaying", total=None)

        async def tell(done: int, of: int) -> None:
            nonlocal said_at
            if console.is_terminal and (done % 20 == 0 or done == of):
                progress.update(task, completed=done, total=of)
            elif not console.is_terminal and now_s() - said_at >= REPLAYED_EACH_S:
                said_at = now_s()
                typer.echo(f"replaying: {done} of {of} closes, {done / of:.0%}", err=True)

        yield tell


SHOWN = (
    "symbols", "timeframe", "from", "to", "candles", "missing_candles", "decisions", "actions", "refusals", "trades",
    "start_equity_quote", "end_equity_quote", "gross_pnl_quote", "fees_quote", "funding_quote", "net_pnl_quote",
    "win_rate_ratio", "profit_factor", "sharpe_annualized", "sortino_annualized", "max_drawdown_ratio",
    "exposure_ratio", "ambiguous_exits", "ledger_sha256", "seconds", "decisions_per_s",
)  # fmt: skip


def _print_report(report: dict[str, Any]) -> None:
    for key in SHOWN:
        value = report[key]
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        elif isinstance(value, float):
            value = f"{value:.4g}" if key != "seconds" else f"{value:.1f}"
        typer.echo(f"{key:22} {'undefined' if value is None else value}")
    for name, baseline in report["baselines"].items():
        typer.echo(f"{'baseline ' + name:22} {baseline['end_equity_quote']} ({baseline['return_ratio']:+.1%})")


@cli.command(cls=Command, epilog=EXITS, short_help="Every setting in force, and where it came from.")
def config(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False,
    symbols: Symbols = None,
    port: Port = None,
    home: Home = None,
) -> None:
    """Every setting in force, where it came from (default, config.toml and its line, a variable, a flag), and what it
    is; then every secret, of which is said where it is set, and never what it says.

    Flags are those of run: what would be in force with them.

    Example: SEMSIG_TIMEFRAME=1h semsig config

    Example: semsig config --port 8001 --json"""
    sourced = load({"symbols": _listed(symbols), "port": port, "home": home})
    _warn_of_dotenv()
    file = config_file()
    lines = lines_of(file) if file else {}
    found: list[dict[str, Any]] = []
    for key, value, meaning in rows(sourced.settings):
        origin = sourced.origins.get(key, "default")
        line = lines.get(key) if file and origin == file.name else None
        found.append({"key": key, "value": plain(value), "from": origin, "line": line, "meaning": meaning})
    secrets = [{"name": name, "is_set": bool(where := secret_origin(name)), "from": where or None} for name in SECRETS]
    if as_json:
        typer.echo(json.dumps({"settings": found, "secrets": secrets}, indent=2))
        return
    for row in found:
        place = f"{row['from']}:{row['line']}" if row["line"] else row["from"]
        typer.echo(f"{row['key']:30} {row['value']!s:32} {place:15} {row['meaning']}")
    for one in secrets:
        typer.echo(f"{one['name']:30} {'set' if one['is_set'] else 'not set':32} {one['from'] or '-':15} a secret")


@cli.command(cls=Command, epilog=EXITS, short_help="What a live run needs, and what of it is missing.")
def doctor(
    home: Home = None,
    port: Port = None,
    every_key: Annotated[bool, typer.Option("--ask", help="Also ask those whose key is set and not in use.")] = False,
    aws: Annotated[bool, typer.Option("--aws", help="Also AWS: identity, region, bootstrap, deployment.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False,
) -> None:
    """What a live run needs and what of it can be reached from here, one line each with its mend. No secret is shown.

    Exit 1 when something is missing that it cannot do without: a venue for each pair, the model, the home, the port;
    with --aws an identity and a region.

    Example: semsig doctor

    Example, before a deployment: semsig doctor --aws --ask --json"""
    from .. import wiring
    from . import doctor as looks
    from .findings import State

    settings = load({"home": home, "port": port}).settings
    with _waiting("asking exchanges, sources and the model"):
        more = looks.More(every_key, aws)
        found = looks.run(looks.examined(settings, wiring.system_clock(), more=more))
    is_missing = any(finding.state is State.MISSING for finding in found)
    if as_json:
        typer.echo(json.dumps({"is_missing": is_missing, "findings": [row._asdict() for row in found]}, indent=2))
    else:
        for finding in found:
            typer.echo(f"{finding.state:8} {one_line(str(finding))}")
    if is_missing:
        raise typer.Exit(1)


@cli.command(cls=Command, epilog=EXITS, short_help="What models cost, by day, provider and model.")
def costs(
    home: Home = None,
    days: Annotated[
        int | None,
        typer.Option("--days", help="Only the newest N days on which a model was asked.", metavar="N", min=1),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for machines.")] = False,
) -> None:
    """What models cost by day, provider and model, as the ledger of a home tells it, also while a run holds it.

    Days are UTC. A ? was told by nobody; a + is the sum of those calls that told theirs.

    Example: semsig costs --days 7"""
    from . import costs as looks

    told = asyncio.run(looks.read(load({"home": home}).settings, days))
    if as_json:
        typer.echo(json.dumps(plain(told), indent=2))
        return
    if not told.total.calls and not told.total.unasked:
        typer.echo("no model was ever asked in this home")
    else:
        _print_table(looks.HEAD, looks.sections(told))
    if told.budget:
        _print_table(looks.BUDGET_HEAD, looks.accounts(told))


@cli.command(cls=Command, epilog=EXITS, short_help="What a home came to, and how much may be luck.")
def report(
    home: Home = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Also as one file for a browser, with plots.", metavar="FILE")
    ] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Also as JSON, for machines.", metavar="FILE")] = None,
    since: Annotated[
        str | None, typer.Option(*FROM, help="From then on, UTC; else from the beginning.", metavar="D")
    ] = None,
    until: Annotated[str | None, typer.Option(*TO, help="End, exclusive, UTC; else up to now.", metavar="D")] = None,
) -> None:
    """What a home came to, also while a run holds it: first how much of it may be luck, then result, drawdown, trades
    by pair, side, regime, exit and month, calibration, refusals and costs. Money is exact; intervals are of 90 %. What
    happens at --to belongs to the time after it, and equity begins as marked at --from or last before: times side by
    side add up.

    Example: semsig report --from 2026-01-01

    Example: semsig report --home ~/semsig --html report.html --json report.json"""
    from shutil import get_terminal_size
    from textwrap import fill

    from . import report as looks
    from .report_words import sections

    _check_files(page, out)
    begin, end = _at(FROM, since), _at(TO, until)
    if begin and end and begin >= end:
        raise BadInput(f"--from must lie before --to, was {begin.isoformat()} and {end.isoformat()}")
    between = looks.Between(begin, end)
    with _waiting("reading the ledger"):
        told = asyncio.run(looks.read(load({"home": home}).settings, between))
    if page is not None:
        from .report_page import page as drawn

        _write(page, drawn(told))
        typer.echo(f"written: {page}", err=True)
    if out is not None:
        _write(out, json.dumps(plain(told), indent=2) + "\n")
        typer.echo(f"written: {out}", err=True)
    typer.echo("First, how much of it may be luck:")
    width = get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
    for line in told.luck:
        whole = line.replace(" %", "\N{NO-BREAK SPACE}%")  # no line begins with the sign of the line before
        told_so = fill(whole, width, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False)
        typer.echo(told_so.replace("\N{NO-BREAK SPACE}", " "))
    for section in sections(told):
        if any(section.rows):
            typer.echo(f"\n{section.title}")
            _print_table(section.head, section.rows)


def _check_files(page: Path | None, out: Path | None) -> None:
    for option, file in (("--html", page), ("--json", out)):
        if file is not None:
            check_file(option, file)
    if page and out and page.resolve() == out.resolve():
        raise BadInput(f"--html and --json are two files, was {page} for both")


def _write(file: Path, text: str) -> None:
    with whole(file) as partial:
        partial.write_text(Unsaid(secret).known(text), encoding="utf-8")


@cli.command(cls=Command, epilog=EXITS, short_help="The ledger as a table: CSV, Parquet, JSON lines.")
def export(
    what: Annotated[
        str,
        typer.Option(
            "--what",
            help="trades, decisions, equity, experiences, refusals or events.",
            metavar="TABLE",
            autocompletion=completions.table,
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="A file .csv, .parquet or .jsonl.", metavar="FILE")],
    home: Home = None,
    is_forced: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """The ledger of a home as a table, also while a run holds it. Money is exact: as text in JSON and Parquet too,
    since no one scale holds every price and quantity. Times are UTC. In CSV a text that a spreadsheet would take for a
    formula has a quote before it, also after a semicolon, a tab or a new line within it. The file is whole or not
    there.

    Example: semsig export --what trades --to trades.csv

    Example: semsig export --home ~/semsig --what decisions --to decisions.parquet --force"""
    from . import export as table

    if what not in set(What):
        raise BadInput(f"--what is one of {', '.join(What)}, was {what or repr(what)}")
    settings = load({"home": home}).settings
    with _bars() as progress:
        many = asyncio.run(table.export(settings, What(what), to, is_forced=is_forced, progress=progress))
    typer.echo(f"{many} rows of {what} in {to}")


@cli.command(cls=Command, epilog=EXITS, short_help="Completion for bash, zsh and fish.")
def completion(
    shell: Annotated[str, typer.Argument(help="bash, zsh or fish.", metavar="SHELL", autocompletion=completions.shell)],
) -> None:
    """What a shell runs to complete commands and options of semsig with the tab key.

    Example, bash: semsig completion bash >~/.local/share/bash-completion/completions/semsig

    Example, zsh: semsig completion zsh >"${fpath[1]}/_semsig"

    Example, fish: semsig completion fish >~/.config/fish/completions/semsig.fish"""
    from typer._completion_shared import get_completion_script

    if shell not in completions.SHELLS:
        raise BadInput(f"there is completion for {', '.join(completions.SHELLS)}, was {shell or repr(shell)}")
    typer.echo(get_completion_script(prog_name="semsig", complete_var="_SEMSIG_COMPLETE", shell=shell))


def _print_table(head: Sequence[str], sections: Sequence[Sequence[Sequence[str]]]) -> None:
    """Never cut: what is wider than the terminal goes on in its next line."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for title in head:
        table.add_column(title, justify="right" if title else "left")
    for section in sections:
        for row in section:
            table.add_row(*map(one_line, row))
        table.add_section()
    Console(width=UNBOUNDED, markup=False, emoji=False, highlight=False).print(table)


@cli.command(cls=Command, epilog=EXITS, short_help="Record a market, to replay it.")
def record(
    folder: Annotated[str, typer.Argument(help="Folder of tapes.", metavar="DIR")] = "tapes",
    symbols: Symbols = None,
    since: Annotated[
        str | None, typer.Option(*FROM[::-1], help="First bar, UTC; else as many as an analysis reads.", metavar="D")
    ] = None,
    timeframes: Annotated[
        str | None,
        typer.Option(
            "--timeframes",
            help="Lengths of bars; else 1m, the setting's, 1d, 1w.",
            autocompletion=completions.timeframes,
            metavar="A,B",
        ),
    ] = None,
    only_backfill: Annotated[bool, typer.Option("--only-backfill", help="The bars up to now, and no more.")] = False,
    market: Annotated[
        str, typer.Option("--market", help="live, or simulated.", autocompletion=completions.living, metavar="WHERE")
    ] = "live",
    min_free: Annotated[
        float,
        typer.Option("--min-free", help="Stop when the disk has less left, megabytes.", metavar="MB", min=0, max=1e9),
    ] = 500.0,
) -> None:
    """Tapes of a living market, for replay: bars from --since on, and, until Ctrl-C, each minute bars, order books,
    trades, funding and open interest, each quarter of an hour the whole market, each hour the news.

    Run it again to go on: what is there is kept, and bars that closed meanwhile are fetched.

    Example: semsig record tapes/ --symbols BTC/USDC --since 2026-01-01 --timeframes 1m,4h,1d

    Without a network: semsig record tapes/ --market simulated --only-backfill"""
    if market not in ("live", "simulated"):
        raise BadInput(f"--market is live or simulated, was {market or repr(market)}")
    if not folder.strip():
        raise BadInput(f"tapes are recorded to a folder, was {folder!r}")
    sourced = load({"symbols": _listed(symbols)})
    settings = _pairs(sourced, market, symbols)
    from .farewell import DONE, INTERRUPTED, Farewell

    with Farewell(INTERRUPTED if only_backfill else DONE).listening() as bye:  # what comes next is loaded for a while
        from . import record as tapes

        begin = _at(FROM[::-1], since)
        take = tapes.Take(Path(folder), settings, _timeframes(timeframes, settings), begin, only_backfill, min_free)
        tapes.check(take, market)
        _logged()
        if market == "live":
            _reach(settings)
        with _bars() as progress:
            written = asyncio.run(tapes.record(take, market, bye, progress))
    typer.echo(f"recorded to {folder}: {written}")
    if written.missing:
        raise Unavailable(f"still missing: {', '.join(written.missing)}; the same command goes on from here")


def _timeframes(text: str | None, settings: Settings) -> tuple[Timeframe, ...]:
    """Each once, the shortest first."""
    usual = {Timeframe.M1, settings.timeframe, Timeframe.D1, Timeframe.W1}
    names = _listed(text) or [] if text is not None else sorted(usual)
    unknown = [name for name in names if name not in set(Timeframe)]
    if unknown or not names:
        raise BadInput(f"--timeframes are of {', '.join(Timeframe)}, was {text}")
    return tuple(sorted({Timeframe(name) for name in names}, key=lambda timeframe: timeframe.ms))


class _Now:
    """How far it is, in a line now and then."""

    def __init__(self, each_s: float = SAID_EACH_S) -> None:
        self._each_s, self._said_at = each_s, time.monotonic()

    def __call__(self, what: str, done: int, of: int) -> None:
        if time.monotonic() - self._said_at >= self._each_s:
            self._said_at = time.monotonic()
            logging.getLogger("semsig").info("%s: %d of %d bars", what, done, of)


@contextmanager
def _bars() -> Iterator[Any]:
    """A progress bar for each pair and length of bars while their past is fetched; now and then a line without a
    terminal."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, TaskID] = {}
        say = _Now()

        def tell(what: str, done: int, of: int) -> None:
            if of < WORTH_A_BAR:
                return
            if not console.is_terminal:
                say(what, done, of)
                return
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of, visible=done < of)

        yield tell
