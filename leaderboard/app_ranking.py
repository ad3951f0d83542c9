"""The ranking: competitors on one dataset and task."""

from __future__ import annotations

import streamlit as st

from fusebench.bench.types import TASK_TITLES
from fusebench.leaderboard import board
from fusebench.leaderboard.app_charts import places_chart
from fusebench.leaderboard.app_choices import View, choose, choose_origins
from fusebench.leaderboard.app_parts import (
    METHODS,
    PAIRS,
    ask,
    bind,
    choose_view,
    downloads,
    link,
    name_of,
    params,
)
from fusebench.leaderboard.app_tables import (
    escape,
    heading,
    incomplete,
    literal,
    metric_help,
    metric_paragraph,
    of_origins,
    origins_of,
    ranking_style,
    selected,
    was_seen,
    weakest_pair,
)
from fusebench.leaderboard.board import Ranking
from fusebench.leaderboard.export import export
from fusebench.leaderboard.training import seen_in_training

_FORMS = {"table": "Table", "heat": "Heat-map"}
# Rows shown without scrolling inside the table.
_ROWS = 40


def show() -> None:
    """Show filters, table, downloads and what the metrics mean."""
    st.header("Ranking", anchor=False)
    view = choose_view()
    everyone = ask(board.ranked, view.evaluation, view.metrics, view.protocol)
    _describe(everyone)
    if not everyone.columns:
        st.info("No scores on this dataset under this protocol yet.")
    ranking, heat, intervals = _choose_look(everyone, view)
    if heat:
        with st.container(key="heat"):
            st.altair_chart(places_chart(ranking), width="content")
        st.caption("Means, coloured by place among the ranked methods: the brighter, the better.")
    else:
        _table(ranking, view, intervals)
    e = ranking.evaluation
    downloads(
        lambda form: export([ranking], form, intervals=intervals),
        f"{e.dataset} {e.task} {ranking.protocol}",
    )
    if ranking.columns:
        meaning = st.expander("What the metrics mean", on_change="rerun", key="meaning")
        # Written once it is open: browsers lay out what is folded away, too.
        if meaning.open:
            meaning.markdown("\n\n".join(metric_paragraph(c.metric) for c in ranking.columns))


def _describe(ranking: Ranking) -> None:
    e = ranking.evaluation
    references = f", {e.referenced} with a reference" if e.referenced else ""
    with st.container(key="strong-title"):
        st.text(f"{TASK_TITLES[e.task]}: {e.dataset}")
    st.text(
        f"{e.title}. {e.pairs} pairs{references}; protocol {ranking.protocol}.\n"
        f"{ranking.rule} The ranks follow the metrics chosen above."
    )
    if ranking.caution:
        st.text(ranking.caution)


def _choose_look(ranking: Ranking, view: View) -> tuple[Ranking, bool, bool]:
    """Show the choices of origins and form.

    Gives the methods to show, whether as a heat-map, and whether with intervals.
    """
    wanted = params()
    shown = view.params()
    present = origins_of(ranking)
    chosen = choose_origins(present, wanted.get("origin"))
    drawable = any(c.counts for c in ranking.columns)
    form = choose(list(_FORMS), wanted.get("show"), "table") if drawable else "table"
    intervals = ranking.certain and wanted.get("intervals") == "1"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(present) > 1:
            with st.container(width=480):
                st.multiselect(
                    "Origin",
                    present,
                    help="Where a method's behaviour comes from",
                    **bind(
                        "origin",
                        chosen,
                        shown,
                        lambda some: "" if len(some) == len(present) else "|".join(some),
                    ),
                )
        if drawable:
            st.segmented_control(
                "Show as",
                list(_FORMS),
                format_func=_FORMS.__getitem__,
                **bind("show", form, shown, lambda name: "" if name == "table" else str(name)),
            )
        if ranking.certain and form == "table":
            st.toggle(
                "95% intervals of the means",
                help="Bootstrap over scenes",
                **bind("intervals", intervals, shown, lambda on: "1" if on else ""),
            )
    kept = of_origins(ranking, chosen)
    if len(kept.lines) < len(ranking.lines):
        st.text(
            f"{len(kept.lines)} of {len(ranking.lines)} methods shown; ranks, places and marks "
            "are among all."
        )
    return kept, form == "heat", intervals


def _table(ranking: Ranking, view: View, intervals: bool) -> None:
    longest = max((len(line.label) for line in ranking.lines), default=0)
    # Pinned columns must leave room for others on a phone.
    width = min(max(90, 24 + 8 * longest), 150)
    seen = ask(seen_in_training, view.evaluation)
    config = {
        "Rank": st.column_config.NumberColumn(width=50, pinned=True, help="Among complete methods"),
        "Method": st.column_config.TextColumn(width=width, pinned=True),
        "Pairs": st.column_config.NumberColumn(
            help="Pairs with an image, of all pairs. A method that lacks one is not ranked."
        ),
        "Mean rank": st.column_config.NumberColumn(help="Mean of the ranks over the metrics shown"),
        "Places": st.column_config.TextColumn(
            help="95% interval of the place: behind those that are significantly better, before "
            "those that are significantly worse"
        ),
        "Ties": st.column_config.TextColumn(
            help="Methods that share a letter cannot be told apart: Wilcoxon's signed ranks over "
            "scenes (the pairs of one scene, sequence or patient together), corrected by Holm"
        ),
        "First": st.column_config.NumberColumn(
            help="Share of the bootstrap resamples of scenes in which it is first"
        ),
        "Time": st.column_config.NumberColumn(
            help="Median time of one fusion, without loading and disk; see the method's page for "
            "the machine."
        ),
        "Origin": st.column_config.TextColumn(help="Where the method's behaviour comes from"),
        "Seen": st.column_config.TextColumn(
            help="Whether it was trained on these pairs: yes where this dataset is named among "
            "its training data, a number where that many pairs have the same pixels as some of "
            "them, ? where its training data are not stated, – where nothing was trained"
        ),
        **{
            c.slug: st.column_config.NumberColumn(
                heading(c.metric, counts=c.counts),
                help=metric_help(c.metric),
                width=190 if intervals else None,
            )
            for c in ranking.columns
        },
    }
    chosen = st.dataframe(
        ranking_style(ranking, intervals=intervals, seen=seen),
        hide_index=True,
        placeholder="–",
        column_config=config,
        height="content" if len(ranking.lines) <= _ROWS else 35 * _ROWS,
        on_select="rerun",
        selection_mode="single-cell",
        # Another table starts without a selection.
        key="table-" + "-".join([*view.params().values(), params().get("origin", "")]),
    )
    marked = any(was_seen(seen.get(line.competitor.entry_id)) for line in ranking.lines)
    uncounted = [c for c in ranking.columns if not c.counts]
    st.caption(
        "¹ best, ² second; arrows point to better. Click a method or a score for what is behind it."
        + (" † trained on some of these pairs." if marked else "")
        + (" ° not counted: undefined on some pair." if uncounted else "")
    )
    lacking = incomplete(ranking)
    if lacking:
        st.warning("Not ranked: a mean over fewer pairs cannot be compared.", icon="⚠️")
        st.text("\n".join(f"{x.label}: {_pairs(ranking, x)}" for x in lacking))
    with st.container(horizontal=True, key="behind"):
        link(PAIRS, "Images, pair by pair", ":material/image:", **view.params())
        _links_of(ranking, view, chosen["selection"]["cells"])


def _pairs(ranking: Ranking, line: board.Line) -> str:
    c = line.competitor
    failed = f", {c.failed} failed" if c.failed else ""
    return f"{c.pairs} of {ranking.evaluation.pairs} pairs{failed}"


def _links_of(ranking: Ranking, view: View, cells: list[tuple[int, str]]) -> None:
    """Offer what is behind the selected cell."""
    found = selected(ranking, cells)
    if found is None:
        return
    line, column = found
    choices = {**view.params(), "method": name_of(line.competitor)}
    link(METHODS, f"About {literal(line.label)}", ":material/info:", **choices)
    if column is None:
        return
    scores = ask(board.pair_scores, view.evaluation, (column.slug,), view.protocol)
    weakest = weakest_pair(scores, line.competitor, column.metric)
    if weakest is not None:
        link(
            PAIRS,
            f"Its weakest pair by {escape(column.metric.plain_label)}",
            ":material/search:",
            **choices,
            pair=weakest,
        )


if __name__ == "__main__":
    show()
