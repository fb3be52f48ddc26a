"""The WebSocket API's door: tickets, connections."""

from semanticsignal.drivers.aws_sockets import serve

handler = serve()
