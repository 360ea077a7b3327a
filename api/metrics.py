"""What Prometheus is told. Labels are operations, stages and outcomes; nothing that names a person."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.domain.reading import ReadingTimings

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STAGE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)
_NS_PER_S = 1_000_000_000
_US_PER_S = 1_000_000

Gauges = Callable[[], dict[str, tuple[str, int]]]
"""Gives, when asked, figures by name with what they mean."""


class _Asked(Collector):
    """Figures that are read when Prometheus asks, not counted as they happen."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, value) in self._gauges().items():
            yield GaugeMetricFamily(f"canteen_{name}", meaning, value=value)

    def describe(self) -> Iterator[Metric]:
        """Nothing is asked at registration, when the store may not be open yet."""
        return iter(())


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "canteen_requests_total",
            "Requests by operation and status",
            ("operation", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "canteen_request_seconds",
            "From the request's head to the answer, by operation",
            ("operation",),
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._command_seconds = Histogram(
            "canteen_command_seconds",
            "From handing a command to the writer to its durable answer",
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "canteen_recognition_seconds",
            "One photograph by stage; wait is for a free worker",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._scans = Counter(
            "canteen_scans_total",
            "Trays read, by where and with which outcome",
            ("source", "status"),
            registry=self.registry,
        )
        self._corrections = Counter(
            "canteen_corrections_total", "Changes of a reading by people", ("kind",), registry=self.registry
        )
        self._problems = Counter(
            "canteen_problems_total", "Problems answered, by code", ("code",), registry=self.registry
        )

    def operation(self, operation_id: str) -> Callable[[int, int], None]:
        """Return what to call after each request of an operation: with its status and its time in nanoseconds."""
        seconds = self._request_seconds.labels(operation_id)
        by_status: dict[int, Counter] = {}

        def observe(status: int, took_ns: int) -> None:
            counter = by_status.get(status)
            if counter is None:
                counter = by_status[status] = self._requests.labels(operation_id, str(status))
            counter.inc()
            seconds.observe(took_ns / _NS_PER_S)

        return observe

    def command_took(self, took_ns: int) -> None:
        """Count one answered command."""
        self._command_seconds.observe(took_ns / _NS_PER_S)

    def photo_read(self, wait_ns: int, timings: ReadingTimings) -> None:
        """Count one photograph that was read on the server."""
        for stage, took_s in (
            ("wait", wait_ns / _NS_PER_S),
            ("decode", timings.decode_us / _US_PER_S),
            ("detect", timings.detect_us / _US_PER_S),
            ("embed", timings.embed_us / _US_PER_S),
            ("match", timings.match_us / _US_PER_S),
        ):
            self._stage_seconds.labels(stage).observe(took_s)

    def scanned(self, source: str, status: str) -> None:
        """Count one tray by what its bill came to: held or ready."""
        self._scans.labels(source, status).inc()

    def corrected(self, kind: str) -> None:
        """Count one change by a person: corrected, added or removed."""
        self._corrections.labels(kind).inc()

    def problem(self, code: str) -> None:
        """Count one problem."""
        self._problems.labels(code).inc()

    def watch(self, gauges: Gauges) -> None:
        """Tell these figures too, whenever Prometheus asks."""
        self.registry.register(_Asked(gauges))

    def text(self) -> bytes:
        """Return all figures in the form that Prometheus reads."""
        return generate_latest(self.registry)
