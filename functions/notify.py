"""DecisionMade | PositionOpened | PositionUpdated | PositionClosed | EquityMarked | CandleMissed → Discord."""

from semanticsignal.drivers.aws_notify import serve

handler = serve()
