"""Any fact → the dashboards that listen."""

from semanticsignal.drivers.aws_lambda import serve

handler = serve("show")
