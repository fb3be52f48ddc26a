"""MinutePassed → PositionOpened | PositionClosed | OrderExpired | EquityMarked."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("watch")
