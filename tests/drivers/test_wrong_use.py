"""Every command tried wrong: one line that says what was wrong and what to do, exit code 2, and nothing is made."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from shlex import split

import pytest
from drivers.instance import here, refusal, semsig

from semanticsignal import wiring
from semanticsignal.adapters.sqlite import SqliteLedger

CONFIGS = {
    "malformed.toml": "symbols = [",
    "text.toml": 'port = "eight"',
    "unknown.toml": "[risk]\ncooldown_bar = 3",
    "negative.toml": "[paper]\nfee_ratio = -0.1",
    "nan.toml": "[paper]\nstart_quote = nan",
    "infinite.toml": "candle_limit = inf",
    "section.toml": "risk = 3",
    "table.toml": "[port]\nx = 1",
    "date.toml": "timeframe = 2026-01-01",
    "yes.toml": "port = true",
    "twice.toml": "port = 1\nport = 2",
    "nul.toml": 'home = "a\\u0000b"',
    "secret.toml": 'OPENROUTER_API_KEY = "sk-or-v1-dont-say-it"',
}
HEAD = "ts,open,high,low,close,volume\n"
CANDLES = {
    "corrupt/binance_spot_BTCUSDC_4h.parquet": b"PAR1 and no more",
    "gzip/binance_spot_BTCUSDC_4h.csv.gz": b"plain",
    "half/binance_spot_BTCUSDC_4h.csv.gz": gzip.compress(HEAD.encode() * 99)[:40],
    "columns/binance_spot_BTCUSDC_4h.csv": b"a,b\n1,2\n",
    "nothing/binance_spot_BTCUSDC_4h.csv": b"",
    "text/binance_spot_BTCUSDC_4h.csv": HEAD.encode() + b"x,1,1,1,1,1\n",
    "below/binance_spot_BTCUSDC_4h.csv": HEAD.encode() + b"1700000000000,-1,1,1,1,1\n",
    "infinite/binance_spot_BTCUSDC_4h.csv": HEAD.encode() + b"1700000000000,1,inf,1,1,1\n",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, and with much that is none of what a command needs."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("home", "empty", "folder.toml"):
        (folder / name).mkdir()
    (folder / "file").write_text("in the way")
    (folder / "latin.toml").write_bytes(b"# caf\xe9\n")
    SqliteLedger(folder / "home" / wiring.LEDGER, wiring.Settings().paper.start_quote).close()
    for name, text in CONFIGS.items():
        (folder / name).write_text(text)
    for name, content in CANDLES.items():
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(content)
    return folder


def things(folder: Path) -> list[str]:
    """Without what SQLite keeps beside a ledger that is read."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in found if not name.endswith(("-shm", "-wal")))


SPEED = "--speed is a number above 0 up to 21600, or max, was "
NOBODY = "nothing was lived in this home yet, was "
WRONG = {
    # the command line itself
    "frobnicate": "No such command 'frobnicate'; `semsig --help` says what there is",
    "rn": "No such command 'rn'. Did you mean 'run'?",
    "help frobnicate": "No such command 'frobnicate'; `semsig --help` says",
    "help memory forget": "No such command 'forget'; `semsig memory --help` says",
    "--frobnicate": "No such option: --frobnicate",
    "\u202eevil": "No such command '\\u202eevil'",
    "memory": "Missing command; `semsig memory --help` says",
    "memory forget": "No such command 'forget'; `semsig memory --help` says",
    # run
    "run --market simulatd": "no such folder of candles, was simulatd",
    "run --market file": "no such folder of candles, was file",
    "run --market empty": "no candles of BTC/USDC in empty",
    "run --market corrupt": "binance_spot_BTCUSDC_4h.parquet: cannot be read as candles",
    "run --market live --speed 5": "--speed is for simulated and recorded markets; a live one runs by itself, was 5",
    "run --speed -1": f"{SPEED}-1",
    "run --speed nan": f"{SPEED}nan",
    "run --speed inf": f"{SPEED}inf",
    "run --speed 1e400": f"{SPEED}1e400",
    "run --speed fast": f"{SPEED}fast",
    "run --symbols BTC": "a pair is written BASE/QUOTE, like BTC/USDC, was 'BTC'",
    "run --symbols ,": "symbols: ",
    "run --symbols BTC/USDC,BTC/USDC": "symbols: each pair once, was BTC/USDC, BTC/USDC",
    "run --symbols \U0001f4b0/USDC": "a pair is written BASE/QUOTE, like BTC/USDC, was '\U0001f4b0/USDC'",
    "run --port 0": "port: must be greater than or equal to 1 (from flag), was 0",
    "run --port -1": "port: must be greater than or equal to 1 (from flag), was -1",
    "run --port 70000": "port: must be less than or equal to 65535 (from flag), was 70000",
    "run --port 99999999999999999999": "port: must be less than or equal to 65535",
    "run --port 80.5": "'--port': must be a valid integer, was 80.5; `semsig run --help` says",
    "run --port 8001 --port 8002": "Option '--port' is given twice; `semsig run --help` says",
    "run --home empty --home file": "Option '--home' is given twice",
    "run --home file": "home cannot be written, was file",
    "run --home file/x": "home cannot be written, was file/x",
    "run --home ''": "home: ",
    f"run --home {'x' * 300}": "home cannot be written, was xxx",
    f"run --home {'x/' * 3000}": "home: ",
    "run --market": "Option '--market' requires an argument",
    "run --plain=yes": "does not take a value",
    "run now": "unexpected extra argument",
    # analyze
    "analyze": "Missing argument 'symbol'; `semsig analyze --help` says",
    "analyze BTC": "a pair is written BASE/QUOTE, like BTC/USDC, was 'BTC'",
    "analyze BTC/USDC/X": "a pair is written BASE/QUOTE, like BTC/USDC, was 'BTC/USDC/X'",
    "analyze bitcoin/\u20ac": "a pair is written BASE/QUOTE",
    "analyze BTC/USDC --port 99999": "port: ",
    "analyze BTC/USDC ETH/USDC": "unexpected extra argument",
    # replay
    "replay": "Missing argument 'DIR'",
    "replay nowhere": "no such folder of candles, was nowhere",
    "replay file": "no such folder of candles, was file",
    "replay empty": "no candles of BTC/USDC in empty; there are none",
    "replay corrupt": "cannot be read as candles",
    "replay gzip": "cannot be read as candles",
    "replay half": "cannot be read as candles",
    "replay columns": "columns ts, open, high, low, close, volume are missing, was a, b",
    "replay nothing": "cannot be read as candles",
    "replay text": "column ts holds more than numbers",
    "replay below": "row 0: prices must be above zero and finite",
    "replay infinite": "row 0: prices must be above zero and finite",
    "replay candles --model recorded:": "--model recorded: takes the home of a run",
    "replay empty --timeframe 7x": "timeframe: must be '1m', '5m'",
    "replay empty --from 2026-02-30": "--from is a date or an instant, like 2023-01-31",
    "replay empty --from 2026-02-01 --to 2026-01-01": "--from must lie before --to",
    "replay empty --json folder.toml": "--json is a file, was the folder folder.toml",
    "replay empty --json /proc/x": "--json is a file in a folder that can be written, was /proc/x",
    "replay empty --model a --model b": "Option '--model' is given twice",
    # record
    "record --market mars": "--market is live or simulated, was mars",
    "record --since 2099-01-01 --market simulated": "--since lies in the past",
    "record --timeframes 7x": "--timeframes are of 1m, 5m",
    "record --min-free nan": "'--min-free': ",
    "record --min-free inf": "'--min-free': ",
    "record --min-free -1": "'--min-free': ",
    "record file --market simulated --only-backfill": "a folder that can be written, was file",
    "record /proc/x --market simulated --only-backfill": "a folder that can be written, was /proc/x",
    # report
    "report --home nowhere": f"{NOBODY}nowhere; semsig run, or choose another --home",
    "report --home file": f"{NOBODY}file",
    "report --since yesterday": "--since is a date or an instant",
    "report --since ''": "--since is a date or an instant",
    "report --from soon": "--from is a date or an instant",
    "report --home home --since 2026-02-01 --until 2026-01-01": "--from must lie before --to",
    "replay candles --since 2026-01-01": "No such option: --since, did you mean --from?",
    "memory worked --until=2026-01-01": "No such option: --until, did you mean --to?",
    "record --symbol BTC/USDC": "No such option: --symbol, did you mean --symbols?",
    "export --what trades --since 2026-01-01": "No such option: --since;",
    "report --html no/folder/x.html": "--html is a file in a folder that is there, was no/folder/x.html",
    "report --html /proc/x.html": "--html is a file in a folder that can be written, was /proc/x.html",
    "report --json .": "--json is a file, was the folder .",
    "report --json -": "--json is a file, was -, which is none",
    "report --html /dev/null": "--html is a file, was /dev/null, which is none",
    "report --home home --html x --json ./x": "--html and --json are two files, was x for both",
    "report --months 3": "No such option",
    # export
    "export --what trades": "Missing option '--to'",
    "export --what money --to x.csv": "--what is one of trades, decisions",
    "export --what trades --to x.xlsx": "--to is a file that ends in .csv, .parquet, .jsonl, was",
    "export --what trades --to no/x.csv": "--to lies in a folder that is there, was no/x.csv; make no first",
    "export --home home --what trades --to /proc/x.csv": "--to lies in a folder that can be written, was /proc/x.csv",
    "export --home nowhere --what trades --to x.csv": NOBODY,
    "export --what trades --what equity --to x.csv": "Option '--what' is given twice",
    # the others
    "doctor --port 0": "port: ",
    "doctor --home ''": "home: ",
    "doctor BTC/USDC": "unexpected extra argument",
    "config all": "unexpected extra argument",
    "config --yaml": "No such option",
    "config --port 0": "port: must be greater than or equal to 1 (from flag), was 0",
    "doctor --aws=prod": "does not take a value",
    "costs --home nowhere": NOBODY,
    "costs --days 0": "'--days': must be greater than or equal to 1, was 0; `semsig costs --help` says",
    "costs --days=few": "'--days': must be a valid integer, was few",
    "costs --days 1e3": "'--days': must be a valid integer, was 1e3",
    "completion": "Missing argument 'SHELL'",
    "completion tcsh": "there is completion for bash, zsh, fish, was tcsh",
    "completion bash zsh": "unexpected extra argument",
    "memory rebuild --home nowhere": NOBODY,
    "memory rebuild all": "unexpected extra argument",
    "memory search": "Missing argument 'WORDS'",
    "memory search x --limit 0": "'--limit': must be greater than or equal to 1, was 0",
    "memory search x --kind rumour": "'--kind': 'rumour' is not one of 'insight', 'rule', 'post-mortem'",
    "memory search x --home empty": NOBODY,
    "memory worked --side up": "'--side': 'up' is not one of 'long', 'short'",
    "memory worked --home home --during zebra": "no week of a regime with that word in it was lived through",
    "memory worked --home home --from 2026-02-01 --to 2026-01-01": "nothing lies between",
    "memory worked --symbol Q": "a pair is written BASE/QUOTE",
    # settings
    "config @nowhere.toml": "cannot read settings from nowhere.toml",
    "config @folder.toml": "cannot read settings from folder.toml",
    "config @latin.toml": "cannot read settings from latin.toml",
    "run @malformed.toml": "cannot read settings from malformed.toml",
    "config @twice.toml": "cannot read settings from twice.toml",
    "doctor @text.toml": "port: must be a valid integer (from text.toml), was 'eight'",
    "config @yes.toml": "port: ",
    "config @unknown.toml": "risk.cooldown_bar is no setting (from unknown.toml), did you mean risk.cooldown_bars?",
    "config @negative.toml": "paper.fee_ratio: must be greater than or equal to 0 (from negative.toml), was -0.1",
    "config @nan.toml": "paper.start_quote: must be a finite number (from nan.toml), was nan",
    "config @infinite.toml": "candle_limit: must be a finite number (from infinite.toml), was inf",
    "config @section.toml": "risk: must be a section, [risk] (from section.toml), was 3",
    "config @table.toml": "port: must be a valid integer (from table.toml)",
    "config @date.toml": "timeframe: must be '1m', '5m'",
    "run @nul.toml": "home: ",
    "config @secret.toml": "OPENROUTER_API_KEY is no setting (from secret.toml); config.toml lists every key",
    "config PROT=1": "prot is no setting (from SEMSIG_PROT), did you mean port?",
    "config PORT=": "port: must be a valid integer (from SEMSIG_PORT), was ''",
    "config PORT__X=1": "port: must be a valid integer (from SEMSIG_PORT__X)",
    "config TIMEFRAME=7h": "timeframe: must be '1m', '5m'",
    "config PAPER__START_QUOTE=1e999": "paper.start_quote: must be less than or equal to 1E+12",
    "config SYMBOLS=[": 'symbols is a list, A,B or ["A", "B"] or none, was \'[\'',
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_is_one_line_and_makes_nothing(line: str, desk: Path) -> None:
    """@FILE stands for the settings of that file, NAME=value for a variable SEMSIG_NAME."""
    words, variables = [], {}
    for word in split(line):
        name, is_variable, value = word.partition("=")
        if word.startswith("@"):
            variables["SEMSIG_CONFIG"] = word[1:]
        elif is_variable and name.isupper():
            variables[f"SEMSIG_{name}"] = value
        else:
            words.append(word)
    before = things(desk)

    said = refusal(here(*words, folder=desk, variables=variables))

    assert WRONG[line].lower() in said.lower()
    assert "dont-say-it" not in said
    assert things(desk) == before


def test_the_whole_program_says_it_too(tmp_path: Path) -> None:
    assert refusal(semsig("run", "--speed", "fast", folder=tmp_path)) == f"semsig: {SPEED}fast"


def test_a_home_of_a_newer_semsig_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / wiring.LEDGER
    SqliteLedger(path, wiring.Settings().paper.start_quote).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version=2")
    before = path.read_bytes()

    for line in ("report", "costs", "memory worked", "memory rebuild", "run"):
        said = refusal(here(*split(line), "--home", tmp_path, folder=tmp_path))
        assert "was written by a newer semsig, in edition 2; this one reads 1: update, or" in said, line
    assert path.read_bytes() == before


def test_what_is_no_ledger_is_a_failure_of_one_line(tmp_path: Path) -> None:
    (tmp_path / wiring.LEDGER).write_bytes(b"by no means a database" * 40)

    for line in ("report", "costs", "memory search x", "memory worked", "memory rebuild", "run", "export --what "
                 "trades --to x.csv"):  # fmt: skip
        done = here(*split(line), "--home", tmp_path, folder=tmp_path)
        assert done.returncode == 1 and "the ledger" in done.stderr and len(done.stderr.splitlines()) == 1, line
