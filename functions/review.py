"""LessonLearned → PostMortemWritten."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("review")
