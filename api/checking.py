"""Checks a store against itself, and builds its read models again, beside a running server or without one."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from api.installation import open_existing_store
from api.settings import Settings
from engine.application.chain import ChainReport
from engine.application.store import EventStore
from engine.domain.errors import SettingsError
from projections.catalogue import build_projections
from projections.database import open_read_models
from projections.runner import ProjectionRunner
from projections.verification import ModelVerification, VerificationReport, find_strangers, verify

Told = Callable[[int, int], None]

_DIFFERENCES_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the check of a whole store came to. `models` is empty if they were not compared because the log is broken.

    `strangers` are read models that know events which the log does not have: its end was cut off or exchanged.
    """

    chain: ChainReport
    models: VerificationReport
    strangers: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether the chain is intact and every read model says what the log says."""
        return self.chain.intact and not self.strangers and self.models.agrees

    @property
    def findings(self) -> list[str]:
        """Say what is wrong and where, in a line each."""
        told = []
        if not self.chain.intact:
            told.append(
                f"log, position {self.chain.first_bad_position}: {self.chain.finding} Read models were not compared "
                "and stay as they are. Stop the server and restore a backup."
            )
        told += list(self.strangers)
        for model in self.models.models:
            told += _model_findings(model)
        return told


def _model_findings(model: ModelVerification) -> list[str]:
    if model.agrees:
        return []
    told = [f"{model.name}: {model.problem}"] if model.problem else []
    for difference in model.differences[:_DIFFERENCES_TOLD]:
        key = ", ".join(map(str, difference.key))
        told.append(
            f"{model.name}, {difference.table} ({key}): {difference.live or 'no row'}; by the log it has to be "
            f"{difference.rebuilt or 'no row'}"
        )
    more = model.differing_rows - min(len(model.differences), _DIFFERENCES_TOLD)
    if more > 0:
        told.append(f"{model.name}: {more} more rows differ")
    if not model.totals_agree:
        told.append(f"{model.name}: its money {model.totals} is not what a count of the log gives, {model.counted}")
    return [*told, f"{model.name}: mend it with `canteen rebuild {model.name}`"]


def check_store(settings: Settings, told: Told) -> Checked:
    """Check the hash chain, bring the read models up to date if no server does, and compare them with the log.

    A log that is broken or was cut off changes no read model: what they know may be all that is left.
    """
    with _opened(settings) as (store, engine):
        projections = build_projections(settings.utc_offset_minutes)
        strangers = find_strangers(store.log, engine, projections)
        chain = store.verify_chain(told)
        if strangers or not chain.intact:
            return Checked(chain=chain, models=VerificationReport(models=()), strangers=strangers)
        ProjectionRunner(store.log, engine, projections).catch_up()
        return Checked(chain=chain, models=verify(store.log, engine, projections, lambda _, at, end: told(at, end)))


def rebuild_models(settings: Settings, names: Collection[str], told: Told) -> Iterator[tuple[str, int]]:
    """Build read models again from the log; yield each with the position that it was built up to.

    Raises:
        SettingsError: a name is not that of a read model.
    """
    projections = build_projections(settings.utc_offset_minutes)
    known = [projection.name for projection in projections]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SettingsError(f"No read model is called {', '.join(unknown)}. There are: {', '.join(known)}.")
    with _opened(settings) as (store, engine):
        runner = ProjectionRunner(store.log, engine, projections)
        for name in names or known:
            yield name, runner.rebuild(name, told)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[EventStore, Engine]]:
    store = open_existing_store(settings)
    engine = open_read_models(settings.views_url)
    try:
        yield store, engine
    finally:
        engine.dispose()
        store.close()
