"""CandleClosed | AnalysisRequested → MarketCollected."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("collect")
