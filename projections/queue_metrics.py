"""Queue metrics: arrivals, service times, hand-offs and load, per canteen and lane in buckets of five minutes.

What happened counts in the bucket in which it happened; an arrival and its hand-off count when the tray was placed. A
session keeps its lane busy from placing the tray to its removal (or void), spread over the buckets it touches.
Service times are histograms that can be added up over buckets, lanes and days (`projections.histogram`).

Events see a service begin, not a diner joining the queue. So waits are estimated from arrivals, service times and
lanes (`projections.queue_theory`); while a lane is never free, arrivals are held back by it and the estimate is a
lower bound (`saturated`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Connection, Engine, MetaData, Table, func, select

from engine.application.log import RecordedEvent
from engine.domain.bill import ItemStatus
from engine.domain.events import (
    BillPaid,
    CardPaid,
    CashPaid,
    CheckoutVoided,
    DishAdded,
    DishCorrected,
    DishRemoved,
    Event,
    FacePaid,
    QrPaid,
    TrayRemoved,
    TrayScanned,
    WalletPaid,
)
from projections.database import INTEGER, TEXT, reading
from projections.histogram import LONGEST_MS, bin_of, percentile_ms
from projections.queue_theory import Interval, lanes_for_wait, waits_over
from projections.rows import Rows

BUCKET_MS = 300_000
_BUCKET_S = BUCKET_MS / 1_000
_SATURATED = 0.9
_FEWEST_SESSIONS = 10
"""A bucket in which fewer sessions end takes the mean service time of the whole day."""

_METADATA = MetaData()
_KEY = ("canteen_id", "lane_id", "business_day")
_COUNTS = (
    "arrivals",
    "rescans",
    "hand_offs",
    "corrections",
    "confirmations",
    "additions",
    "removals",
    "voids",
    "completed",
    "ended",
    "recognise_ms",
    "interact_ms",
    "pay_ms",
    "occupied_ms",
    "busy_ms",
)
_SHOWN_COUNTS = (*_COUNTS[: _COUNTS.index("recognise_ms")], "busy_ms")
_AT = {name: index for index, name in enumerate(_COUNTS)}

_BUCKETS = Table(
    "queue_metrics_buckets",
    _METADATA,
    *[Column(name, TEXT, primary_key=True) for name in _KEY],
    Column("bucket_ms", INTEGER, primary_key=True),
    *[Column(name, INTEGER, nullable=False) for name in _COUNTS],
)
_HISTOGRAMS = Table(
    "queue_metrics_histograms",
    _METADATA,
    *[Column(name, TEXT, primary_key=True) for name in _KEY],
    Column("bucket_ms", INTEGER, primary_key=True),
    Column("measure", TEXT, primary_key=True),
    Column("bin", INTEGER, primary_key=True),
    Column("sessions", INTEGER, nullable=False),
)


class Measure(StrEnum):
    """Which time of a session: its three parts, their sum (placed to paid), and placed to removed."""

    RECOGNISE = "recognise"
    INTERACT = "interact"
    PAY = "pay"
    SERVICE = "service"
    OCCUPIED = "occupied"


_RECOGNISE, _INTERACT, _PAY = Measure.RECOGNISE.value, Measure.INTERACT.value, Measure.PAY.value
_SERVICE, _OCCUPIED = Measure.SERVICE.value, Measure.OCCUPIED.value

_BucketKey = tuple[str, str, str, int]


class QueueMetricsProjection:
    """Counts what happens at the lanes."""

    name: ClassVar[str] = "queue_metrics"
    schema_version: ClassVar[str] = "1"
    tables: ClassVar[tuple[Table, ...]] = (_BUCKETS, _HISTOGRAMS)
    event_types: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            TrayScanned,
            DishCorrected,
            DishAdded,
            DishRemoved,
            FacePaid,
            CardPaid,
            WalletPaid,
            QrPaid,
            CashPaid,
            TrayRemoved,
            CheckoutVoided,
        }
    )

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        """Count a batch in memory, then write each table once."""
        counting = _Counting()
        for recorded in events:
            event = recorded.event
            if isinstance(event, TrayScanned):
                counting.scanned(event)
            elif isinstance(event, BillPaid):
                counting.paid(event)
            elif isinstance(event, TrayRemoved | CheckoutVoided):
                counting.ended(event)
            elif isinstance(event, DishCorrected):
                confirmed = event.to_dish_id == event.from_dish_id
                counting.edited(event, "confirmations" if confirmed else "corrections")
            elif isinstance(event, DishAdded):
                counting.edited(event, "additions")
            elif isinstance(event, DishRemoved):
                counting.edited(event, "removals")
        rows.add(_BUCKETS, [(*key, *counts) for key, counts in counting.buckets.items()])
        rows.add(_HISTOGRAMS, [(*key, sessions) for key, sessions in counting.sessions.items()])

    def control_totals(self, connection: Connection) -> None:
        """Hold no money."""


class _Counting:
    """What one batch adds to the buckets."""

    def __init__(self) -> None:
        self.buckets: dict[_BucketKey, list[int]] = {}
        self.sessions: dict[tuple[str, str, str, int, str, int], int] = {}

    def scanned(self, event: TrayScanned) -> None:
        """Count an arrival at the first scan, a rescan at later ones."""
        if event.scan_number > 1:
            self._bucket(event, event.at_ms)[_AT["rescans"]] += 1
            return
        counts = self._bucket(event, event.placed_at_ms)
        counts[_AT["arrivals"]] += 1
        if any(item.status is not ItemStatus.ACCEPTED for item in event.items):
            counts[_AT["hand_offs"]] += 1

    def edited(self, event: DishCorrected | DishAdded | DishRemoved, count: str) -> None:
        """Count what a person changed on a bill."""
        self._bucket(event, event.at_ms)[_AT[count]] += 1

    def paid(self, event: BillPaid) -> None:
        """Count a completed service and its parts."""
        site, split = event.site, event.split
        bucket_ms = event.at_ms // BUCKET_MS * BUCKET_MS
        key = (site.canteen_id, site.lane_id, site.business_day, bucket_ms)
        counts = self._counts(key)
        counts[_AT["completed"]] += 1
        counts[_AT["recognise_ms"]] += split.recognise_ms
        counts[_AT["interact_ms"]] += split.interact_ms
        counts[_AT["pay_ms"]] += split.pay_ms
        self._time(key, _RECOGNISE, split.recognise_ms)
        self._time(key, _INTERACT, split.interact_ms)
        self._time(key, _PAY, split.pay_ms)
        self._time(key, _SERVICE, split.recognise_ms + split.interact_ms + split.pay_ms)

    def ended(self, event: TrayRemoved | CheckoutVoided) -> None:
        """Count the end of a session, and the time for which its lane was busy."""
        site = event.site
        occupied_ms = min(event.occupied_ms, LONGEST_MS)
        bucket_ms = event.at_ms // BUCKET_MS * BUCKET_MS
        key = (site.canteen_id, site.lane_id, site.business_day, bucket_ms)
        counts = self._counts(key)
        counts[_AT["ended"]] += 1
        counts[_AT["occupied_ms"]] += occupied_ms
        if isinstance(event, CheckoutVoided):
            counts[_AT["voids"]] += 1
        else:
            self._time(key, _OCCUPIED, occupied_ms)
        until_ms, from_ms = event.at_ms, event.at_ms - occupied_ms
        while until_ms > from_ms:
            bucket_ms = (until_ms - 1) // BUCKET_MS * BUCKET_MS
            start_ms = max(bucket_ms, from_ms)
            busy = self._counts((site.canteen_id, site.lane_id, site.business_day, bucket_ms))
            busy[_AT["busy_ms"]] += until_ms - start_ms
            until_ms = start_ms

    def _bucket(self, event: TrayScanned | DishCorrected | DishAdded | DishRemoved, at_ms: int) -> list[int]:
        site = event.site
        return self._counts((site.canteen_id, site.lane_id, site.business_day, at_ms // BUCKET_MS * BUCKET_MS))

    def _counts(self, key: _BucketKey) -> list[int]:
        counts = self.buckets.get(key)
        if counts is None:
            counts = self.buckets[key] = [0] * len(_COUNTS)
        return counts

    def _time(self, key: _BucketKey, measure: str, duration_ms: int) -> None:
        bin_key = (*key, measure, bin_of(duration_ms))
        self.sessions[bin_key] = self.sessions.get(bin_key, 0) + 1


# --- questions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTimes:
    """Times of sessions in milliseconds; percentiles are within 3.2 %, None when there are no sessions."""

    measure: Measure
    sessions: int
    p50_ms: int | None
    p90_ms: int | None
    p95_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBucket:
    """Five minutes at one lane, from `from_ms`. `completed` are payments, `ended` removals and voids.

    `utilisation` is the share of the five minutes for which a tray stood there; above 1 when sessions overlapped,
    as when a forgotten one is voided later.
    """

    canteen_id: str
    lane_id: str
    business_day: str
    from_ms: int
    arrivals: int
    rescans: int
    hand_offs: int
    corrections: int
    confirmations: int
    additions: int
    removals: int
    voids: int
    completed: int
    ended: int
    busy_ms: int
    times: tuple[ServiceTimes, ...]

    @property
    def utilisation(self) -> float:
        """Busy time over the bucket's length."""
        return self.busy_ms / BUCKET_MS

    @property
    def throughput_per_minute(self) -> float:
        """Payments per minute."""
        return self.completed / (BUCKET_MS / 60_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEstimate:
    """Five minutes of a whole canteen with the *estimated* wait of those who arrive in them.

    `load` is rho = arrivals * service time / lanes; None while no lane is open. `lanes_needed` would hold a settled
    queue at these rates to the target wait.
    """

    from_ms: int
    arrivals: int
    lanes_open: int
    service_ms: int
    load: float | None
    estimated_wait_ms: int
    estimated_waiting: float
    saturated: bool
    lanes_needed: int


class QueueMetricsView:
    """Answers how busy the lanes are. '' asks for all canteens, lanes or days."""

    def __init__(self, engine: Engine) -> None:
        """Ask over connections of the read models' database."""
        self._engine = engine

    def buckets(self, *, canteen_id: str = "", lane_id: str = "", business_day: str = "") -> tuple[LaneBucket, ...]:
        """List the buckets in which something happened, with their service times, by time, canteen and lane."""
        keys = [_HISTOGRAMS.c[name] for name in (*_KEY, "bucket_ms")]
        timed = select(*keys, _HISTOGRAMS.c.measure, _HISTOGRAMS.c.bin, _HISTOGRAMS.c.sessions).where(
            *_selected(_HISTOGRAMS, canteen_id, lane_id, business_day)
        )
        counted = (
            select(_BUCKETS)
            .where(*_selected(_BUCKETS, canteen_id, lane_id, business_day))
            .order_by(_BUCKETS.c.bucket_ms, _BUCKETS.c.canteen_id, _BUCKETS.c.lane_id)
        )
        histograms: dict[tuple[Any, ...], dict[Measure, dict[int, int]]] = {}
        with reading(self._engine, _BUCKETS, _HISTOGRAMS) as connection:
            for *key, measure, bin_number, sessions in connection.execute(timed):
                measures = histograms.setdefault(tuple(key), {})
                measures.setdefault(Measure(measure), {})[bin_number] = sessions
            found = connection.execute(counted).all()
        return tuple(
            LaneBucket(
                from_ms=row.bucket_ms,
                times=tuple(
                    _service_times(measure, histograms.get(tuple(row[:4]), {}).get(measure, {})) for measure in Measure
                ),
                **{name: getattr(row, name) for name in (*_KEY, *_SHOWN_COUNTS)},
            )
            for row in found
        )

    def service_times(
        self, *, canteen_id: str = "", lane_id: str = "", business_day: str = ""
    ) -> tuple[ServiceTimes, ...]:
        """Merge the histograms of the selection, one answer per measure."""
        asked = (
            select(_HISTOGRAMS.c.measure, _HISTOGRAMS.c.bin, func.sum(_HISTOGRAMS.c.sessions))
            .where(*_selected(_HISTOGRAMS, canteen_id, lane_id, business_day))
            .group_by(_HISTOGRAMS.c.measure, _HISTOGRAMS.c.bin)
        )
        histograms: dict[Measure, dict[int, int]] = {measure: {} for measure in Measure}
        with reading(self._engine, _HISTOGRAMS) as connection:
            for measure, bin_number, sessions in connection.execute(asked):
                histograms[Measure(measure)][bin_number] = int(sessions)
        return tuple(_service_times(measure, counts) for measure, counts in histograms.items())

    def waits(self, canteen_id: str, business_day: str, *, target_wait_s: float = 60.0) -> tuple[WaitEstimate, ...]:
        """Estimate the waits of one day, from the first bucket to the last without gaps."""
        day = _day_of(self.buckets(canteen_id=canteen_id, business_day=business_day))
        sums = self._occupied(canteen_id, business_day)
        ended, occupied_ms = (sum(column) for column in zip(*sums.values(), strict=True)) if sums else (0, 0)
        day_service_s = occupied_ms / ended / 1_000 if ended else 0.0
        intervals = []
        for from_ms, lanes in day:
            bucket_ended, bucket_occupied_ms = sums.get(from_ms, (0, 0))
            enough = bucket_ended >= _FEWEST_SESSIONS and bucket_occupied_ms > 0
            intervals.append(
                Interval(
                    duration_s=_BUCKET_S,
                    arrivals_per_s=sum(lane.arrivals for lane in lanes) / _BUCKET_S,
                    service_s=bucket_occupied_ms / bucket_ended / 1_000 if enough else day_service_s,
                    lanes=len(lanes),
                )
            )
        if day_service_s == 0.0:
            return ()  # no session has ended yet, so nothing is known of service times
        return tuple(
            WaitEstimate(
                from_ms=from_ms,
                arrivals=sum(lane.arrivals for lane in lanes),
                lanes_open=len(lanes),
                service_ms=round(interval.service_s * 1_000),
                load=interval.arrivals_per_s * interval.service_s / len(lanes) if lanes else None,
                estimated_wait_ms=round(wait.mean_wait_s * 1_000),
                estimated_waiting=wait.mean_waiting,
                saturated=bool(lanes) and min(lane.utilisation for lane in lanes) >= _SATURATED,
                lanes_needed=lanes_for_wait(interval.arrivals_per_s, interval.service_s, target_wait_s),
            )
            for (from_ms, lanes), interval, wait in zip(day, intervals, waits_over(intervals), strict=True)
        )

    def _occupied(self, canteen_id: str, business_day: str) -> dict[int, tuple[int, int]]:
        """Return sessions ended and the milliseconds they took, by bucket."""
        asked = (
            select(_BUCKETS.c.bucket_ms, func.sum(_BUCKETS.c.ended), func.sum(_BUCKETS.c.occupied_ms))
            .where(*_selected(_BUCKETS, canteen_id, "", business_day))
            .group_by(_BUCKETS.c.bucket_ms)
        )
        with reading(self._engine, _BUCKETS) as connection:
            return {bucket: (int(ended), int(occupied)) for bucket, ended, occupied in connection.execute(asked)}


def _service_times(measure: Measure, counts: Mapping[int, int]) -> ServiceTimes:
    return ServiceTimes(
        measure=measure,
        sessions=sum(counts.values()),
        p50_ms=percentile_ms(counts, 50),
        p90_ms=percentile_ms(counts, 90),
        p95_ms=percentile_ms(counts, 95),
    )


def _day_of(buckets: Sequence[LaneBucket]) -> list[tuple[int, list[LaneBucket]]]:
    """Put the lanes that were in use together bucket by bucket, with the empty buckets between."""
    if not buckets:
        return []
    by_time: dict[int, list[LaneBucket]] = {
        from_ms: [] for from_ms in range(buckets[0].from_ms, buckets[-1].from_ms + 1, BUCKET_MS)
    }
    for bucket in buckets:
        if bucket.arrivals or bucket.busy_ms:
            by_time[bucket.from_ms].append(bucket)
    return list(by_time.items())


def _selected(table: Table, canteen_id: str, lane_id: str, business_day: str) -> list[ColumnElement[bool]]:
    wanted: dict[str, Any] = {"canteen_id": canteen_id, "lane_id": lane_id, "business_day": business_day}
    return [table.c[name] == value for name, value in wanted.items() if value]
