"""A question → what was lived and what it taught, from Chroma."""

from semanticsignal.drivers.aws_memory import serve

handler = serve()
