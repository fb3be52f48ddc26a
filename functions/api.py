"""The HTTP API: FastAPI behind Mangum."""

from semanticsignal.drivers.aws_api import serve

handler = serve()
