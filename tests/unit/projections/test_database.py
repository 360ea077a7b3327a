"""Where read models may live, and what a reader sees while others write."""

import pytest
from sqlalchemy import Column, Engine, MetaData, Table, func, insert, select

from engine.domain.errors import SettingsError
from projections.database import INTEGER, open_read_models, reading, writing
from projections.runner import ProjectionRunner
from tests.support.memory_log import MemoryLog

NUMBERS = Table("numbers", MetaData(), Column("number", INTEGER, primary_key=True))


@pytest.fixture
def numbers(read_models: Engine) -> Engine:
    ProjectionRunner(MemoryLog(), read_models, [])  # creates the schema
    with writing(read_models) as connection:
        NUMBERS.create(connection)
        connection.execute(insert(NUMBERS).values(number=1))
    return read_models


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_is_refused_because_every_connection_would_see_another_one(url: str) -> None:
    with pytest.raises(SettingsError, match="not memory"):
        open_read_models(url)


def test_other_databases_are_refused() -> None:
    with pytest.raises(SettingsError, match="not in 'mysql'"):
        open_read_models("mysql://localhost/canteen")


def test_a_reader_sees_one_moment_however_many_questions_it_asks(numbers: Engine) -> None:
    count = select(func.count()).select_from(NUMBERS)
    with reading(numbers, NUMBERS) as before:
        assert before.execute(count).scalar_one() == 1
        with writing(numbers) as connection:
            connection.execute(insert(NUMBERS).values(number=2))
        assert before.execute(count).scalar_one() == 1
    with reading(numbers, NUMBERS) as after:
        assert after.execute(count).scalar_one() == 2


def test_an_error_undoes_everything_that_was_written(numbers: Engine) -> None:
    with pytest.raises(ZeroDivisionError), writing(numbers) as connection:  # noqa: PT012
        connection.execute(insert(NUMBERS).values(number=2))
        raise ZeroDivisionError
    with reading(numbers, NUMBERS) as connection:
        assert connection.execute(select(NUMBERS.c.number)).scalars().all() == [1]


def test_tables_and_their_definitions_are_undone_too(numbers: Engine) -> None:
    other = Table("others", MetaData(), Column("number", INTEGER, primary_key=True))
    with pytest.raises(ZeroDivisionError), writing(numbers) as connection:  # noqa: PT012
        other.create(connection)
        raise ZeroDivisionError
    with writing(numbers) as connection:
        other.create(connection, checkfirst=False)
