"""What every command line has in common: each value once, and how a wrong one is refused."""

import inspect
import re
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand

# Typer carries a click of its own; this is what it raises for an option or a command that there is not.
UsageError: Any = BadParameter.__mro__[1]


FILES = (
    ("config.toml", "settings, of the folder one is in; every key is explained there"),
    (".env", "secrets, of the same folder; .env.example says which"),
    (".semsig/", "ledger and archive, unless --home or the setting home says otherwise"),
)
ENVIRONMENT = (
    ("SEMSIG_…", "any setting, before config.toml: SEMSIG_PORT, SEMSIG_RISK__COOLDOWN_BARS"),
    ("SEMSIG_CONFIG", "another file than config.toml"),
    ("NO_COLOR", "no colours"),
    ("AWS_…", "as AWS's own tools read them, for --remote and --aws"),
)
EXAMPLE = re.compile(r"(Example[^:]*|Without a network): (.+)", re.DOTALL)
# A word with what is quoted in it.
PARTS = re.compile(r"(?:\"[^\"]*\"|\S)+")
INDENT = 4
# What somebody may have meant whom another command taught.
ALSO = {"--since": "--from", "--until": "--to", "--symbol": "--symbols", "--symbols": "--symbol"}
# These read nothing.
BARE = ("help", "completion")


class Command(TyperCommand):
    """Of two values for one option none is taken silently; examples stand as one types them."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Words are wrapped, and an example goes on in its next line only as a shell would have it."""
        for paragraph in inspect.cleandoc(self.help or "").split("\n\n"):
            words = " ".join(paragraph.split())
            formatter.write_paragraph()
            with formatter.indentation():
                if example := EXAMPLE.fullmatch(words):
                    formatter.write_text(f"{example[1]}:")
                    formatter.write(_typed(example[2], formatter.width - formatter.current_indent - INDENT))
                else:
                    formatter.write_text(words)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        for title, rows in (("Files", FILES), ("Environment", ENVIRONMENT)) if ctx.info_name not in BARE else ():
            with formatter.section(title):
                formatter.write_dl(rows)
        super().format_epilog(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        except UsageError as wrong:
            meant = ALSO.get(getattr(wrong, "option_name", ""))
            if meant and any(meant in option.opts for option in self.params):
                raise UsageError(f"{wrong.message}, did you mean {meant}?", ctx=ctx) from None
            raise
        seen: set[str] = set()
        for option in given:
            if option.param_type_name == "option" and not getattr(option, "is_flag", False):
                if option.opts[0] in seen:
                    raise UsageError(f"Option '{option.opts[0]}' is given twice", ctx=ctx)
                seen.add(option.opts[0])
        return super().parse_args(ctx, args)


def _typed(line: str, width: int) -> str:
    """A command line in lines of that width, each but the last with a backslash."""
    lines = [""]
    for word in PARTS.findall(line):
        if lines[-1] and len(lines[-1]) + len(word) + 3 > width:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    margin = " " * INDENT
    return "".join(f"{margin}{one}\n" for one in " \\\n".join(lines).split("\n"))
