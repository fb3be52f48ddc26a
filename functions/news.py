"""HourPassed → NewsGathered."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("news")
