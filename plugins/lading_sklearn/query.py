"""Read the rows of a database query. Only this module imports SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lading import BadInput, Json, PluginError, StageFailed, Transient

from .part import Part, column_places


def read(query: Mapping[str, Json], names: Sequence[str], base: Path) -> Part:
    """The columns `names` of a query's rows. A relative path of an SQLite file starts at `base`.

    Raises BadInput for an address that SQLAlchemy cannot use and for a missing column, PluginError if SQLAlchemy or the
    driver is not installed, Transient if the database does not answer, and StageFailed if it refuses the query.
    """
    with _asking(query["url"]):
        from sqlalchemy import create_engine

        engine = create_engine(_address(query["url"], base))
        try:
            # Without this option, some drivers read `LIKE 'a%'` as a parameter.
            with engine.connect().execution_options(no_parameters=True) as connection:
                result = connection.exec_driver_sql(query["sql"])
                header, rows = list(result.keys()), result.fetchall()
        finally:
            engine.dispose()
    places = column_places("the query", header, names)
    columns = {name: [row[place] for row in rows] for name, place in zip(names, places, strict=True)}
    return Part(columns, len(rows), lambda row: f"the query: row {row + 1}")


def database_file(query: Mapping[str, Json], base: Path) -> Path | None:
    """The SQLite file of a query, if all that it contains is in this file. None for another database."""
    with _asking(query["url"]):
        address = _address(query["url"], base)
    file = Path(address.database or "") if address.get_backend_name() == "sqlite" else None
    return file if file and file.is_file() and not Path(f"{file}-wal").exists() else None


def _address(url: str, base: Path) -> Any:
    from sqlalchemy import make_url

    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database or address.database == ":memory:":
        return address
    file = base / address.database
    if not address.database.startswith("file:") and not file.exists():
        raise BadInput(f"no database {file}", option="data.url")  # SQLite would create it
    return address if address.database.startswith("file:") else address.set(database=str(file))


@contextmanager
def _asking(url: str) -> Iterator[None]:
    try:
        from sqlalchemy import exc, make_url
    except ImportError:
        raise PluginError("a query needs SQLAlchemy", hint="pip install 'lading[sql]'") from None
    try:
        yield
    except (exc.ArgumentError, exc.NoSuchModuleError):  # some of their texts have the password
        hint = "write it as SQLAlchemy does, such as postgresql+psycopg://user:password@host/database"
        kind = url.partition("://")[0]
        raise BadInput(f"not an address of a database: {kind}://…", option="data.url", hint=hint) from None
    except ImportError as error:
        raise PluginError(f"the database needs {error.name}", hint=f"pip install {error.name}") from None
    except exc.SQLAlchemyError as error:
        said, password = _first_line(error), make_url(url).password
        said = said.replace(password, "***") if password else said
        if isinstance(error, exc.OperationalError) and error.statement is None:
            raise Transient(f"cannot connect to the database: {said}") from None
        raise StageFailed(f"the query failed: {said}", hint="correct data.sql under train") from None


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0][:300]
