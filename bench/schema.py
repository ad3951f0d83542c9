"""The database: one row for each thing that a stored number depends on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def _now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Common metadata of all tables."""


class EnvironmentRow(Base):
    """Machine, libraries and code that scores were computed with."""

    __tablename__ = "environment"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)


class RunRow(Base):
    """One call that added results."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    workers: Mapped[int]
    started: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=_now)
    finished: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    environment_id: Mapped[int] = mapped_column(ForeignKey("environment.id"))


class DatasetRow(Base):
    """A dataset by its pixels: other pixels under the same name are another row."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", "version", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    root: Mapped[str | None] = mapped_column(Text)


class PairRow(Base):
    """A pair of source images."""

    __tablename__ = "pair"
    __table_args__ = (UniqueConstraint("dataset_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    key: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(String(16))
    scene: Mapped[str] = mapped_column(Text)
    height: Mapped[int]
    width: Mapped[int]
    a_channels: Mapped[int]
    b_channels: Mapped[int]
    a_digest: Mapped[str] = mapped_column(String(64))
    b_digest: Mapped[str] = mapped_column(String(64))
    reference_digest: Mapped[str | None] = mapped_column(String(64))


class EntryRow(Base):
    """A competitor: a method with its version, options and weights, or somebody's images."""

    __tablename__ = "entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    slug: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    weights_digest: Mapped[str | None] = mapped_column(String(64))
    origin: Mapped[str] = mapped_column(Text)


class FusedRow(Base):
    """What one entry made of one pair: an image, or an error."""

    __tablename__ = "fused"
    __table_args__ = (
        UniqueConstraint("entry_id", "pair_id", "device"),
        Index("fused_by_pair", "pair_id", "entry_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    pair_id: Mapped[int] = mapped_column(ForeignKey("pair.id"))
    device: Mapped[str] = mapped_column(String(16))
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    image_digest: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    seconds: Mapped[float | None] = mapped_column(Float(53))
    peak_memory: Mapped[int | None] = mapped_column(BigInteger)


class ScoreRow(Base):
    """One value of one metric; undefined values carry their reason."""

    __tablename__ = "score"
    __table_args__ = (
        UniqueConstraint("fused_id", "metric", "version", "protocol"),
        # Means over a dataset read this index alone.
        Index("score_by_metric", "protocol", "metric", "version", "fused_id", "value"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    fused_id: Mapped[int] = mapped_column(ForeignKey("fused.id"))
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    metric: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    protocol: Mapped[str] = mapped_column(Text)
    # Nullable because SQLite turns NaN into NULL.
    value: Mapped[float | None] = mapped_column(Float(53))
    error: Mapped[str | None] = mapped_column(Text)


class ReportedRow(Base):
    """One cell of a table of a paper, as printed: never ranked with scores, which are measured."""

    __tablename__ = "reported"
    __table_args__ = (
        UniqueConstraint("paper", "table", "dataset", "pair", "block", "method", "metric"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[str] = mapped_column(Text)
    table: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(String(16))
    dataset: Mapped[str] = mapped_column(Text)
    pair: Mapped[str] = mapped_column(Text)
    pairs: Mapped[int | None]
    block: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    proposed: Mapped[bool]
    metric: Mapped[str] = mapped_column(Text)
    metric_label: Mapped[str] = mapped_column(Text)
    printed: Mapped[str] = mapped_column(Text)
    value: Mapped[float] = mapped_column(Float(53))
    direction: Mapped[str] = mapped_column(String(16))
    marked: Mapped[bool]
    note: Mapped[str] = mapped_column(Text)
