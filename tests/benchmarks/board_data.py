"""A large database of made-up scores, to see what the leaderboard does with it.

    python tests/benchmarks/board_data.py big.db --methods 100 --pairs 300,100,50,25,25

Every method has a strength of its own, pairs have difficulties, and metrics follow both with noise,
so that rankings look like real ones. Nothing in it was measured.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import select

from fusebench.bench.schema import FusedRow, ScoreRow
from fusebench.bench.store import Entry, Store, insert_new
from fusebench.datasets import PairFacts
from fusebench.metrics import METRICS

FACTS = {"fusebench": "made up", "commit": None, "python": "3", "libraries": {}}


def fill(url: str, methods: int, sizes: list[int]) -> int:
    """Write the database, and give its number of scores."""
    records = [m for m in METRICS if m.needs != "reference"]
    generator = np.random.default_rng(0)
    strength = generator.normal(size=(methods, len(records)))
    strength += 2 * generator.normal(size=(methods, 1))
    total = 0
    with closing(Store.open(url)) as store:
        environment = store.add_environment(FACTS)
        started = datetime(2026, 1, 1, tzinfo=UTC)
        run = store.add_run("made up", 1, environment, started, started)
        entries = [
            store.add_entry(Entry("folder", "", f"Method {i:03d}", origin="published outputs"))
            for i in range(methods)
        ]
        for number, size in enumerate(sizes):
            facts = [
                PairFacts(
                    f"{i:04d}", "ivif", f"scene {i // 2}", 480, 640, 1, 3, "0" * 64, "0" * 64, None
                )
                for i in range(size)
            ]
            _, pairs = store.add_pairs(f"made_up:{number}", "Made up", 1, facts)
            difficulty = generator.normal(size=(size, len(records)))
            noise = generator.normal(size=(methods, size, len(records)))
            values = 10 + strength[:, None] + difficulty + noise
            with store.write() as connection:
                for i, entry in enumerate(entries):
                    images = [
                        {
                            "entry_id": entry,
                            "pair_id": pair,
                            "device": "cpu",
                            "run_id": run,
                            "image_digest": f"{number:02d}{i:06d}{j:08d}".ljust(64, "0"),
                            "seconds": 0.1 + i / 100,
                            "peak_memory": 10_000_000,
                        }
                        for j, pair in enumerate(pairs.values())
                    ]
                    insert_new(connection, FusedRow, images)
                    own = select(FusedRow.pair_id, FusedRow.id).where(FusedRow.entry_id == entry)
                    ids = {row.pair_id: row.id for row in connection.execute(own)}
                    rows = [
                        {
                            "fused_id": ids[pair],
                            "run_id": run,
                            "metric": record.slug,
                            "version": record.version,
                            "protocol": "canonical",
                            "value": float(values[i, j, k]),
                        }
                        for j, pair in enumerate(pairs.values())
                        for k, record in enumerate(records)
                    ]
                    total += insert_new(connection, ScoreRow, rows)
    return total


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database")
    parser.add_argument("--methods", type=int, default=100)
    parser.add_argument("--pairs", default="300,100,50,25,25", help="of each dataset")
    given = parser.parse_args()
    sizes = [int(size) for size in given.pairs.split(",")]
    print(f"{fill(given.database, given.methods, sizes)} scores")


if __name__ == "__main__":
    main()
