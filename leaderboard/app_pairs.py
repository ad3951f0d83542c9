"""The pair viewer: source images and what every competitor made of them, at one scale."""

from __future__ import annotations

import streamlit as st

from fusebench.bench.schema import PairRow
from fusebench.bench.types import FusebenchError, MissingDataError
from fusebench.leaderboard import board
from fusebench.leaderboard.app_choices import SIZES, View, choose, choose_entry, neighbours
from fusebench.leaderboard.app_parts import (
    METHODS,
    RANKING,
    ask,
    bind,
    choose_view,
    link,
    load_fused,
    load_sources,
    name_of,
    params,
    turn_to,
)
from fusebench.leaderboard.app_tables import (
    SOURCES,
    Tile,
    format_seconds,
    literal,
    scores_markdown,
    tiles,
    undefined,
)
from fusebench.leaderboard.board import Column


def show() -> None:
    """Show filters, the sources of one pair, and the fused images with their scores."""
    st.header("Pairs", anchor=False)
    view = choose_view()
    key, width = _choose_pair(view)
    row = ask(board.pair_row, view.evaluation, key)
    if row is not None:
        st.text(f"{key}: {row.width} × {row.height} pixels, scene {row.scene}")
    _sources(view, key, width or (row.width if row else 360))
    _fused(view, key, width or (row.width if row else 360))


def _choose_pair(view: View) -> tuple[str, int | None]:
    """Show the choice of pair and size; give the key and the width."""
    wanted = params()
    keys = ask(board.pair_keys, view.evaluation)
    key = choose(keys, wanted.get("pair")) or ""
    size = choose(list(SIZES), wanted.get("size"), "medium") or "medium"
    shown = {**view.params(), "pair": key, "size": size}
    if wanted.get("pair", key) != key:
        st.warning(f"There is no pair {literal(wanted['pair'])} here, which the link asks for.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(horizontal=True, vertical_alignment="bottom", width=356):
            st.selectbox(f"Pair ({len(keys)})", keys, **bind("pair", key, shown))
            before, after = neighbours(keys, key)
            for icon, name, other in (("left", "previous", before), ("right", "next", after)):
                st.button(
                    f":material/chevron_{icon}:",
                    key=f"pair-{name}",
                    help=f"The {name} pair",
                    disabled=len(keys) < 2,
                    on_click=turn_to,
                    args=("pair", other, shown),
                )
        st.segmented_control(
            "Size of all images",
            list(SIZES),
            format_func={"small": "S", "medium": "M", "large": "L", "pixels": "1:1"}.__getitem__,
            **bind("size", size, shown),
        )
    return key, SIZES[size]


def _sources(view: View, key: str, width: int) -> None:
    """Show the source images and the reference."""
    e = view.evaluation
    try:
        sources = load_sources(e.loads, e.root, key)
    except FusebenchError as error:
        st.warning("The source images cannot be shown.", icon=":material/image_not_supported:")
        st.text(str(error))
        if isinstance(error, MissingDataError):
            st.text("Results and fused images are kept; put the folder back to see the sources.")
        return
    row = ask(board.pair_row, e, key)
    stored = {} if row is None else _digests(row)
    a, b = SOURCES[e.task]
    captions = {"a": f"a: {a}", "b": f"b: {b}", "reference": "reference"}
    with st.container(horizontal=True, key="sources"):
        for name, image in sources.images.items():
            with st.container(width=width, key=f"tile-source-{name}"):
                with st.container(key=f"strong-source-{name}"):
                    st.text(captions[name])
                st.image(image, width="stretch", output_format="PNG")
                if stored.get(name) not in (None, sources.digests[name]):
                    st.warning("These are not the pixels that were scored.")


def _digests(row: PairRow) -> dict[str, str | None]:
    return {"a": row.a_digest, "b": row.b_digest, "reference": row.reference_digest}


def _fused(view: View, key: str, width: int) -> None:
    """Show the fused images, in the order of the ranking."""
    ranking = ask(board.ranking, view.evaluation, view.metrics, view.protocol)
    fused = ask(board.fused_images, view.evaluation, key)
    scores = ask(board.pair_scores, view.evaluation, view.metrics, view.protocol, key)
    names = {line.competitor.entry_id: name_of(line.competitor) for line in ranking.lines}
    first = choose_entry(names, names, params().get("method")) if names else None
    st.caption(
        "Fused images in the order of the ranking; scores on this pair alone, "
        "¹ best and ² second on it."
    )
    with st.container(horizontal=True, key="fused"):
        for i, tile in enumerate(tiles(ranking, fused, scores, first)):
            with st.container(width=width, key=f"tile-{i}"):
                _tile(i, tile, ranking.columns)
    with st.container(horizontal=True):
        link(RANKING, "Ranking over all pairs", ":material/leaderboard:", **view.params())


def _tile(i: int, tile: Tile, columns: tuple[Column, ...]) -> None:
    with st.container(key=f"strong-{i}"):
        st.text(tile.competitor.label)
    if tile.image_digest is not None:
        image = load_fused(tile.image_digest)
        if image is None:
            st.info("Scored, but its image is no longer in the cache; run the suite again.")
        else:
            st.image(image, width="stretch", output_format="PNG")
    elif tile.error:
        st.error("Failed on this pair.", icon=":material/error:")
        st.text(tile.error)
    else:
        st.info("Not run on this pair.")
    if tile.image_digest is not None and columns:
        st.markdown(scores_markdown(tile, columns))
        reasons = undefined(tile, columns)
        if reasons:
            st.text("\n".join(reasons))
        if tile.seconds is not None:
            with st.container(key=f"small-{i}"):
                st.text(f"{format_seconds(tile.seconds)}, {tile.competitor.device}")
    link(METHODS, "About this method", ":material/info:", method=name_of(tile.competitor))


if __name__ == "__main__":
    show()
