"""Checks a store against itself, and builds its read models again, beside a running server or without one."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from api.installation import open_installed_store
from api.settings import Settings
from engine.application.chain import ChainReport
from engine.application.store import EventStore
from engine.domain.errors import SettingsError
from projections.catalogue import build_projections
from projections.database import open_read_models
from projections.runner import ProjectionRunner
from projections.verification import VerificationReport, verify

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the check of a whole store came to."""

    chain: ChainReport
    models: VerificationReport

    @property
    def agrees(self) -> bool:
        """Whether the chain is intact and every read model says what the log says."""
        return self.chain.intact and self.models.agrees


def check_store(settings: Settings, told: Told) -> Checked:
    """Check the hash chain, bring the read models up to date if no server does, and compare them with the log."""
    with _opened(settings) as (store, engine):
        chain = store.verify_chain(told)
        projections = build_projections()
        ProjectionRunner(store.log, engine, projections).catch_up()
        return Checked(chain=chain, models=verify(store.log, engine, projections, lambda _, at, end: told(at, end)))


def rebuild_models(settings: Settings, names: Collection[str], told: Told) -> Iterator[tuple[str, int]]:
    """Build read models again from the log; yield each with the position that it was built up to.

    Raises:
        SettingsError: a name is not that of a read model.
    """
    projections = build_projections()
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
    store = open_installed_store(settings)
    engine = open_read_models(settings.views_url)
    try:
        yield store, engine
    finally:
        engine.dispose()
        store.close()
