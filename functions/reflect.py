"""PositionClosed → LessonLearned → Reflected | RuleFormed; MarketAnalysed → RefusalJudged."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("reflect")
