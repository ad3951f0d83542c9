"""The method page: what a competitor is, where its numbers come from, and how it stands."""

from __future__ import annotations

import streamlit as st

from fusebench.bench.schema import EntryRow
from fusebench.bench.types import TASK_TITLES, Method
from fusebench.leaderboard import board, runs
from fusebench.leaderboard.app_choices import choose_entry, choose_protocol
from fusebench.leaderboard.app_parts import (
    PAIRS,
    RANKING,
    ask,
    bind,
    download_table,
    link,
    no_results,
    params,
)
from fusebench.leaderboard.app_tables import (
    COLOUR_RULES,
    escape,
    facts_frame,
    failures_frame,
    fidelity_frame,
    literal,
    options_frame,
    runs_frame,
    speed_frame,
    standing,
    standing_frame,
    standings_frame,
    weights_frame,
)
from fusebench.leaderboard.board import Line, Ranking
from fusebench.leaderboard.training import weights_used
from fusebench.methods import METHODS as RECORDS

_KINDS = {
    "method": "A method of this package",
    "folder": "A folder of images that somebody submitted",
    "callable": "A Python function that somebody ran",
}


def show() -> None:
    """Show one competitor."""
    st.header("Methods", anchor=False)
    rows = ask(board.entries)
    if not rows:
        no_results("This database holds no results yet.")
    entry, name = _choose(rows)
    record = RECORDS[entry.slug] if entry.kind == "method" and entry.slug in RECORDS else None
    about, measured = st.columns(2, gap="large")
    with about:
        _about(entry, record)
    with measured:
        _options(entry, record)
        _fidelity(record)
    _weights(entry, record)
    _speed(entry)
    _standings(entry, name)
    _failures(entry)
    _provenance(entry)


def _choose(rows: list[EntryRow]) -> tuple[EntryRow, str]:
    names = board.entry_names(rows)
    labels = {row.id: row.label for row in rows}
    wanted = params().get("method")
    chosen = choose_entry(names, labels, wanted)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=340):
            st.selectbox(
                f"Method ({len(rows)})",
                list(names),
                format_func=names.__getitem__,
                **bind("method", chosen, {}, names.__getitem__),
            )
        protocols = ask(board.protocols_used)
        if len(protocols) > 1:
            with st.container(width=200):
                protocol = choose_protocol(protocols, params())
                st.selectbox("Protocol", protocols, **bind("protocol", protocol, {}))
    if wanted not in (None, names[chosen], labels[chosen]):
        st.warning(f"This database has no method {literal(wanted)}, which the link asks for.")
    return next(row for row in rows if row.id == chosen), names[chosen]


def _about(entry: EntryRow, record: Method | None) -> None:
    if record is None:
        st.subheader(_KINDS.get(entry.kind, "A competitor"), anchor=False)
        st.text(f"{entry.label}\nOrigin: {entry.origin or 'not stated'}. Version {entry.version}.")
        if entry.kind == "method":
            st.warning("This fusebench does not know the method; another version made the results.")
    else:
        st.subheader(escape(record.title), anchor=False)
        st.markdown(escape(record.summary))
        tasks = ", ".join(TASK_TITLES[task].lower() for task in record.tasks)
        doi = f" [doi:{escape(record.doi)}](https://doi.org/{record.doi})" if record.doi else ""
        lines = [
            f"**Paper:** {escape(record.reference)}.{doi}",
            f"**Origin:** {escape(record.origin)}, version {entry.version}",
            f"**For:** {escape(tasks)}",
            f"**Colour:** {escape(COLOUR_RULES[record.colour])}",
        ]
        trained_on = sorted({name for w in record.weights for name in w.trained_on})
        if trained_on:
            lines.append(f"**Trained on:** {escape(', '.join(trained_on))}")
        if record.notes:
            lines.append(f"**Notes:** {escape(record.notes)}")
        st.markdown("\n\n".join(lines))
        if record.version != entry.version:
            st.warning(
                f"These results are of version {entry.version}; this fusebench has version "
                f"{record.version}."
            )
    if entry.weights_digest:
        st.text(f"Weights: sha256 {entry.weights_digest}")


def _options(entry: EntryRow, record: Method | None) -> None:
    if entry.options:
        st.subheader("Options", anchor=False)
        st.dataframe(options_frame(entry, record), hide_index=True, height="content")
        download_table(f"Options of {entry.label}", options_frame(entry, record))


def _fidelity(record: Method | None) -> None:
    if record is None:
        return
    st.subheader("How near to the authors' own output", anchor=False)
    if record.fidelity:
        st.table(fidelity_frame(record).map(lambda value: escape(str(value))), hide_index=True)
        st.caption("Differences in grey levels of 255.")
        title = f"{record.label} beside its authors' output"
        download_table(title, fidelity_frame(record), "Differences in grey levels of 255.")
    else:
        st.caption("Not measured.")


def _weights(entry: EntryRow, record: Method | None) -> None:
    if record is None or not record.weights:
        return
    st.subheader("Weights", anchor=False)
    used = weights_used(record, entry)
    st.dataframe(
        weights_frame(record, used),
        hide_index=True,
        height="content",
        column_config={
            "Here": st.column_config.TextColumn(help="The set that these results were made with"),
            "Home": st.column_config.LinkColumn(),
            "Notes": st.column_config.TextColumn(width="large"),
        },
    )
    download_table(f"Weights of {record.label}", weights_frame(record, used))
    if used is None:
        st.caption("The results are of other files than these.")
    st.caption(f"`fusebench weights get {record.slug}` fetches those that have an address.")


def _speed(entry: EntryRow) -> None:
    st.subheader("Speed", anchor=False)
    speeds = ask(runs.speeds, entry.id)
    if not speeds:
        st.caption("No times: its images were not made here.")
        return
    st.dataframe(
        speed_frame(speeds),
        hide_index=True,
        height="content",
        column_config={
            "Megapixels": st.column_config.NumberColumn(help="Mean size of a pair"),
            "Time": st.column_config.TextColumn(
                help="Median of one fusion, without loading and disk"
            ),
            "Memory": st.column_config.TextColumn(help="Largest growth during a fusion"),
        },
    )
    download_table(f"Speed of {entry.label}", speed_frame(speeds))


def _standings(entry: EntryRow, name: str) -> None:
    st.subheader("Scores", anchor=False)
    protocol = choose_protocol(ask(board.protocols_used), params())
    found = [
        (ranking, line)
        for evaluation in ask(board.evaluations)
        for ranking in [ask(board.ranking, evaluation, "all", protocol)]
        for line in ranking.lines
        if line.competitor.entry_id == entry.id
    ]
    if not found:
        st.caption("None on the newest version of any dataset under this protocol.")
    with st.container(horizontal=True):
        for i, (ranking, line) in enumerate(found):
            with st.container(width=360):
                _standing(i, ranking, line, name)
    if found:
        frame = standings_frame(found).drop(columns=["Task", "Protocol"], errors="ignore")
        download_table(f"Scores of {name}, protocol {protocol}", frame)


def _standing(i: int, ranking: Ranking, line: Line, name: str) -> None:
    where, place = standing(ranking, line)
    with st.container(key=f"strong-{i}"):
        st.text(where)
    st.text(place)
    st.dataframe(
        standing_frame(ranking, line), hide_index=True, height="content", key=f"scores-{i}"
    )
    choices = {
        "task": ranking.evaluation.task,
        "dataset": ranking.evaluation.dataset,
        "protocol": ranking.protocol,
        "method": name,
    }
    with st.container(horizontal=True):
        link(RANKING, "Ranking", ":material/leaderboard:", **choices)
        link(PAIRS, "Images", ":material/image:", **choices)


def _failures(entry: EntryRow) -> None:
    failures = ask(board.failures, entry.id)
    st.subheader(f"Failures ({len(failures)})", anchor=False)
    if len(failures):
        st.dataframe(
            failures_frame(failures),
            hide_index=True,
            column_config={"Reason": st.column_config.TextColumn(width="large")},
        )
        download_table(f"Failures of {entry.label}", failures_frame(failures))
    else:
        st.caption("None.")


def _provenance(entry: EntryRow) -> None:
    st.subheader("Where the results come from", anchor=False)
    sources = ask(board.provenance, entry.id)
    if not sources:
        st.caption("No results.")
        return
    with st.container(key="runs"):
        st.dataframe(runs_frame(sources), hide_index=True)
        download_table(f"Runs of {entry.label}", runs_frame(sources))
    seen = []
    for run in sources:
        if run["facts"] not in seen:
            seen.append(run["facts"])
    for i, facts in enumerate(seen, start=1):
        with st.expander("Machine and libraries" + (f" {i}" if len(seen) > 1 else "")):
            st.dataframe(facts_frame(facts), hide_index=True, height="content")


if __name__ == "__main__":
    show()
