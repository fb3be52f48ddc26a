"""MarketCollected → MarketAnalysed."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("analyse")
