"""QuarterPassed → ContextGathered."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("context")
