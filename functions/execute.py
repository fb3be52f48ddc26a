"""DecisionMade → OrderPlaced | OrderExpired | PositionOpened | PositionUpdated | PositionClosed."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("execute")
