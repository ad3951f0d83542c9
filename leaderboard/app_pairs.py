"""The pair viewer: source images and what every competitor made of them, at one scale."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from fusebench.bench.schema import PairRow
from fusebench.bench.types import FusebenchError, InputError, MissingDataError
from fusebench.leaderboard import board
from fusebench.leaderboard.app_choices import (
    SIZES,
    ZOOMS,
    View,
    choose,
    choose_entry,
    choose_zoom,
    neighbours,
)
from fusebench.leaderboard.app_parts import (
    METHODS,
    RANKING,
    Sources,
    ask,
    bind,
    choose_view,
    cut,
    link,
    load_fused,
    load_legend,
    load_map,
    load_sources,
    name_of,
    params,
    turn_to,
)
from fusebench.leaderboard.app_tables import (
    SOURCES,
    Tile,
    escape,
    format_seconds,
    literal,
    scores_markdown,
    tiles,
    undefined,
)
from fusebench.leaderboard.board import Column
from fusebench.leaderboard.maps import MAP_KINDS

# In place of a map: the fused images themselves.
_IMAGES = "images"


@dataclass(frozen=True)
class Look:
    """How the images of a pair are shown: width in CSS pixels, map if any, and detail."""

    width: int
    map: str | None
    zoom: int
    across: int
    down: int

    def detail(self, png: bytes) -> bytes:
        """Cut the detail out of a PNG file."""
        return cut(png, self.zoom, self.across, self.down)


def show() -> None:
    """Show filters, the sources of one pair, and the fused images with their scores."""
    st.header("Pairs", anchor=False)
    view = choose_view()
    key = _choose_pair(view)
    row = ask(board.pair_row, view.evaluation, key)
    look = _choose_look(view, key, row.width if row else 360)
    if row is not None:
        st.text(f"{key}: {row.width} × {row.height} pixels, scene {row.scene}")
    # Only enlarged pixels are shown as squares.
    with st.container(key="zoomed" if look.zoom > 1 else "whole"):
        sources = _sources(view, key, look)
        _fused(view, key, look, sources)


def _choose_pair(view: View) -> str:
    wanted = params()
    keys = ask(board.pair_keys, view.evaluation)
    key = choose(keys, wanted.get("pair")) or ""
    shown = {**view.params(), "pair": key}
    if wanted.get("pair", key) != key:
        st.warning(f"There is no pair {literal(wanted['pair'])} here, which the link asks for.")
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
    return key


def _choose_look(view: View, key: str, pixels: int) -> Look:
    """Show the choices of size, map and detail; `pixels` is the width of the pair."""
    wanted = params()
    size = choose(list(SIZES), wanted.get("size"), "medium") or "medium"
    name = choose([_IMAGES, *MAP_KINDS], wanted.get("map"), _IMAGES) or _IMAGES
    zoom, across, down = choose_zoom(wanted)
    shown = {**view.params(), "pair": key}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Size of all images",
            list(SIZES),
            format_func={"small": "S", "medium": "M", "large": "L", "pixels": "1:1"}.__getitem__,
            **bind("size", size, shown),
        )
        st.segmented_control(
            "Show",
            [_IMAGES, *MAP_KINDS],
            format_func=lambda kind: "Images" if kind == _IMAGES else MAP_KINDS[kind].title,
            **bind("map", name, shown, lambda kind: "" if kind == _IMAGES else str(kind)),
        )
        st.segmented_control(
            "Zoom",
            ZOOMS,
            format_func=lambda times: f"{times}×",
            **bind("zoom", zoom, shown, lambda times: "" if times == 1 else str(times)),
        )
        if zoom > 1:
            with st.container(horizontal=True, width=356):
                for label, parameter, place in (
                    ("Across", "across", across),
                    ("Down", "down", down),
                ):
                    st.slider(
                        label,
                        0,
                        100,
                        format="%d%%",
                        width=164,
                        **bind(parameter, place, shown),
                    )
    width = SIZES[size] or pixels
    return Look(width, None if name == _IMAGES else name, zoom, across, down)


def _sources(view: View, key: str, look: Look) -> Sources | None:
    """Show the source images and the reference; give them where they are there."""
    e = view.evaluation
    try:
        sources = load_sources(e.loads, e.root, key)
    except FusebenchError as error:
        st.warning("The source images cannot be shown.", icon=":material/image_not_supported:")
        st.text(str(error))
        if isinstance(error, MissingDataError):
            st.text("Results and fused images are kept; put the folder back to see the sources.")
        return None
    row = ask(board.pair_row, e, key)
    stored = {} if row is None else _digests(row)
    a, b = SOURCES[e.task]
    captions = {"a": f"a: {a}", "b": f"b: {b}", "reference": "reference"}
    with st.container(horizontal=True, key="sources"):
        for name, image in sources.images.items():
            with st.container(width=look.width, key=f"tile-source-{name}"):
                with st.container(key=f"strong-source-{name}"):
                    st.text(captions[name])
                st.image(look.detail(image), width="stretch", output_format="PNG")
                if stored.get(name) not in (None, sources.digests[name]):
                    st.warning("These are not the pixels that were scored.")
    return sources


def _digests(row: PairRow) -> dict[str, str | None]:
    return {"a": row.a_digest, "b": row.b_digest, "reference": row.reference_digest}


def _fused(view: View, key: str, look: Look, sources: Sources | None) -> None:
    """Show the fused images, or maps of them, in the order of the ranking."""
    ranking = ask(board.ranking, view.evaluation, view.metrics, view.protocol)
    fused = ask(board.fused_images, view.evaluation, key)
    scores = ask(board.pair_scores, view.evaluation, view.metrics, view.protocol, key)
    names = {line.competitor.entry_id: name_of(line.competitor) for line in ranking.lines}
    first = choose_entry(names, names, params().get("method")) if names else None
    if look.map is not None:
        _legend(look.map, view.protocol)
    st.caption(
        "Fused images in the order of the ranking; scores on this pair alone, "
        "¹ best and ² second on it."
    )
    with st.container(horizontal=True, key="fused"):
        for i, tile in enumerate(tiles(ranking, fused, scores, first)):
            with st.container(width=look.width, key=f"tile-{i}"):
                _tile(i, tile, ranking.columns, look, sources)
    with st.container(horizontal=True):
        link(RANKING, "Ranking over all pairs", ":material/leaderboard:", **view.params())


def _legend(name: str, protocol: str) -> None:
    """Say what the colours of a map mean."""
    kind = MAP_KINDS[name]
    with st.container(horizontal=True, vertical_alignment="center", key="legend"):
        st.text(f"{kind.low:g}".replace("-", "−"), width="content")
        st.image(load_legend(name), width=256, output_format="PNG")
        st.text(f"{kind.high:g}", width="content")
    other = "" if protocol == "canonical" else f" Maps are canonical, scores are of {protocol}."
    st.caption(escape(kind.meaning + other))


def _tile(
    i: int, tile: Tile, columns: tuple[Column, ...], look: Look, sources: Sources | None
) -> None:
    with st.container(key=f"strong-{i}"):
        st.text(tile.competitor.label)
    if tile.image_digest is not None:
        image = load_fused(tile.image_digest)
        if image is None:
            st.info("Scored, but its image is no longer in the cache; run the suite again.")
        elif look.map is None:
            st.image(look.detail(image), width="stretch", output_format="PNG")
        else:
            _map(look, sources, image)
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


def _map(look: Look, sources: Sources | None, fused: bytes) -> None:
    if sources is None:
        st.info("No map without the source images.")
        return
    try:
        picture = load_map(look.map or "", sources.images["a"], sources.images["b"], fused)
    except InputError as error:
        st.info("There is no such map of this pair.")
        st.text(str(error))
        return
    st.image(look.detail(picture), width="stretch", output_format="PNG")


if __name__ == "__main__":
    show()
