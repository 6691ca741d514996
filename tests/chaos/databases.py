"""Copies of PostgreSQL databases, which `stored_runs` reads."""

from pathlib import Path

import sqlalchemy


def copy_database(url: str, file: Path) -> None:
    """Copy the rows of a PostgreSQL database into an SQLite file that has its tables, empty."""
    tables = sqlalchemy.MetaData()
    source = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    target = sqlalchemy.create_engine(f"sqlite:///{file}")
    tables.reflect(target)
    with source.connect() as there, target.begin() as here:
        for table in tables.sorted_tables:
            here.execute(table.delete())
            columns = ", ".join(column.name for column in table.columns)
            if rows := [
                dict(row) for row in there.execute(sqlalchemy.text(f"SELECT {columns} FROM {table}")).mappings()
            ]:
                here.execute(table.insert(), rows)
    source.dispose()
    target.dispose()
