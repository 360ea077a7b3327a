"""Stored states of streams that grow for years, so that loading one does not get dearer with its age."""

import hmac
import struct
from typing import Any

from engine.application.codec import EventCodec, StateCodec
from engine.application.state_cache import Change, VersionedState
from engine.application.stored_rows import SnapshotRow, StreamRows
from engine.deciders.stream_type import StreamType
from engine.domain.errors import StoreCorruptError

_SEAL_PREFIX = struct.Struct(">QII")


class StateLoader:
    """Rebuilds states from rows, and makes the snapshots that keep the number of those rows bounded."""

    def __init__(self, codec: EventCodec, pepper: bytes) -> None:
        self._codec = codec
        self._states = StateCodec()
        self._pepper = pepper

    def from_snapshot(self, stream_type: StreamType[Any], snapshot: SnapshotRow | None) -> VersionedState | None:
        """Return the snapshot's state; None if there is none, another version stored it, or it was edited."""
        if snapshot is None or stream_type.snapshot_state is None or not self._sealed(snapshot):
            return None
        state = self._states.decode(stream_type.snapshot_state, snapshot.shape, snapshot.state)
        return None if state is None else VersionedState(snapshot.version, state)

    def fold(self, stream_type: StreamType[Any], start: VersionedState | None, rows: StreamRows) -> VersionedState:
        """Return the state after the rows' events, which follow `start` without a gap.

        Raises:
            StoreCorruptError: an event of the stream is missing.
        """
        version, state = start if start is not None else (0, stream_type.initial)
        for row in rows.events:
            version += 1
            if row.version != version:
                raise StoreCorruptError(
                    "An event is missing from a stream. Run the chain check and restore a backup.",
                    stream=row.stream,
                    missing_version=version,
                )
            state = stream_type.evolve(state, self._codec.decode(row.topic, row.state))
        return VersionedState(version, state)

    def due(self, change: Change) -> SnapshotRow | None:
        """Return the snapshot to store with a change, None if it is not yet time for one."""
        stream_type, after = change.stream_type, change.after
        if stream_type.snapshot_state is None or not isinstance(after.state, stream_type.snapshot_state):
            return None
        if change.before.version // stream_type.snapshot_every == after.version // stream_type.snapshot_every:
            return None
        shape = self._states.shape(stream_type.snapshot_state)
        state = self._states.encode(after.state)
        return SnapshotRow(
            change.stream, after.version, shape, state, self._seal(change.stream, after.version, shape, state)
        )

    def _sealed(self, snapshot: SnapshotRow) -> bool:
        seal = self._seal(snapshot.stream, snapshot.version, snapshot.shape, snapshot.state)
        return hmac.compare_digest(seal, snapshot.seal)

    def _seal(self, stream: str, version: int, shape: bytes, state: bytes) -> bytes:
        name = stream.encode()
        prefix = _SEAL_PREFIX.pack(version, len(name), len(shape))
        return hmac.digest(self._pepper, b"".join((b"snapshot", prefix, name, shape, state)), "sha256")
