"""PositionClosed → LessonLearned | RuleFormed."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("reflect")
