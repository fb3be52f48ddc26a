"""What every command line has in common: each value once, and how a wrong one is refused."""

from typing import Any

from typer import BadParameter
from typer.core import TyperCommand

# Typer carries a click of its own; this is what it raises for an option or a command that there is not.
UsageError: Any = BadParameter.__mro__[1]


class Command(TyperCommand):
    """Of two values for one option none is taken silently."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        seen: set[str] = set()
        for option in given:
            if option.param_type_name == "option" and not getattr(option, "is_flag", False):
                if option.opts[0] in seen:
                    raise UsageError(f"Option '{option.opts[0]}' is given twice", ctx=ctx)
                seen.add(option.opts[0])
        return super().parse_args(ctx, args)
