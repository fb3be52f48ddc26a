"""MarketAnalysed → DecisionMade."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("decide")
