"""What every function has once a container: an event loop, a log without secrets, and metrics that go out whatever
happens."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from .. import wiring
from ..settings import places
from .diary import unsaid
from .discretion import hushed

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics

NAMESPACE = "SemanticSignal"


class Container:
    """Put on with the first event, and kept for the next ones."""

    def __init__(self, name: str) -> None:
        self.name = name

    @contextmanager
    def reported(self) -> Iterator[None]:
        """One event: what it raises is logged and raised; Lambda itself counts it. Figures cost by their number, so
        only those are told that an alarm reads. No secret that was read by then is in a line, nor in what is raised,
        which Lambda prints too."""
        with hushed(hides), unsaid(hides):
            try:
                yield
            except Exception as wrong:
                self.log.error("%s: %s", type(wrong).__name__, wrong)
                raise
            finally:
                if self.metrics.metric_set:
                    self.metrics.flush_metrics()
                self.log.remove_keys(["cycle_id"])

    @cached_property
    def runner(self) -> asyncio.Runner:
        """One loop a container: what a plug opened in it still answers at the next event."""
        return asyncio.Runner()

    @cached_property
    def log(self) -> "Logger":
        from aws_lambda_powertools import Logger

        return Logger(service=self.name, utc=True, use_rfc3339=True)

    @cached_property
    def metrics(self) -> "EphemeralMetrics":
        from aws_lambda_powertools.metrics import EphemeralMetrics

        return EphemeralMetrics(namespace=places().told["metrics"] or NAMESPACE, service=self.name)


def hides(text: str) -> str:
    """Secrets are read late and may change: each text is looked at for those that are known by now."""
    return wiring.unsaid_here()(text)
