"""What authors' own code returned, and how far a method here is from it.

`EVIDENCE` says for each method what its record's `fidelity` was measured on, in the same order;
``test_method_fidelity.py`` compares the two. To measure a method and print the entries of its
record: ``python tests/evidence.py SLUG [FOLDER]``, with the shared folder.

Where the images come from, all under the shared folder:

* ``golden/classical/octave``: the authors' MATLAB code run in Octave on lossless grey pairs. For
  DWT, Octave lacks dwt2; a replacement with exact halves was put in its place.
* ``golden/classical/matlab``: made in MATLAB by the authors, lossless.
* ``golden/mfifb_lytro`` and ``golden/vifb``: published with those benchmarks, made in MATLAB and
  saved as JPEG with quality 75. Pillow's encoder with that quality gives the same pixels, so ours
  is put through it before comparing.
* ``golden/tang_tno``: published with the comparison of Linfeng Tang, who ran the authors' code.
* ``golden/deep``: the authors' networks with their weights, run by us; 8 bits as their code saves.
"""

from __future__ import annotations

import csv
import math
import runpy
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from fusebench.bench.images import as_jpeg, collapse_grey, read_image, to_8_bit
from fusebench.bench.types import Fidelity, Image
from fusebench.methods import LoadedMethod, load

Compared = Iterator[tuple[Image, Image]]
"""Our image and the authors'."""

Cases = Iterator[tuple[Image, Image, Image]]
"""Two sources and the authors' image."""

OCTAVE_PAIRS = ("lytro03", "mrict15", "road04269", "tno01", "tno05", "tno19")

# VIFB's loader mixed up channels where the infrared file is grey and the visible one is not.
VIFB_BROKEN_GFF = {"manWalking", "running", "walking2", "walkingnight"}

# Of VIFB's 21 images: those that slow methods are compared on.
VIFB_SMALL = frozenset(
    {"fight", "manWalking", "peopleshadow", "running", "walking", "walking2", "walkingnight"}
)


@dataclass(frozen=True)
class Evidence:
    """Images of an author's code, and the options and weights that correspond to them."""

    compare: Callable[[Path, LoadedMethod], Compared]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None

    def measure(self, shared: Path, slug: str) -> Fidelity:
        """Measure the distance of a method to these images."""
        return summarise(
            self.compare(shared, load(slug, device="cpu", weights=self.weights, **self.options))
        )


def octave(
    name: str, pairs: tuple[str, ...] = OCTAVE_PAIRS
) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with the folder `name` of the outputs made in Octave."""

    return lambda shared, fuse: (
        (fuse(a, b), published) for a, b, published in octave_cases(shared, name, pairs)
    )


def octave_cases(shared: Path, name: str, pairs: tuple[str, ...] = OCTAVE_PAIRS) -> Cases:
    """Read the pairs and the folder `name` of the outputs made in Octave."""
    golden = shared / "golden" / "classical"
    for pair in pairs:
        published = golden / "octave" / name / f"{pair}.png"
        if published.is_file():
            a, b = (read_image(golden / "inputs" / f"{pair}_{side}.png") for side in "AB")
            yield a, b, read_image(published)


def matlab(
    *published: tuple[str, str], exchanged: bool = False
) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with MATLAB's images, each as (sources, fused)."""

    def compare(shared: Path, fuse: LoadedMethod) -> Compared:
        golden = shared / "golden" / "classical" / "matlab"
        for sources, fused in published:
            a, b = (read_image(golden / "in" / f"{sources}_{side}.png") for side in "AB")
            ours = fuse(b, a) if exchanged else fuse(a, b)
            yield ours, read_image(golden / "ref" / f"{fused}.png")

    return compare


def mfifb(name: str, last: int = 8) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with the folder `name` of MFIFB's images of Lytro."""

    return lambda shared, fuse: (
        (as_jpeg(fuse(near, far)), published)
        for near, far, published in mfifb_cases(shared, name, last)
    )


def mfifb_cases(shared: Path, name: str, last: int = 8) -> Cases:
    """Read the first Lytro pairs and the folder `name` of MFIFB's images."""
    sources, golden = shared / "data" / "lytro", shared / "golden" / "mfifb_lytro"
    for number in range(1, last + 1):
        near, far = (read_image(sources / d / f"lytro-{number:02}.jpg") for d in ("near", "far"))
        yield near, far, read_image(golden / name / f"{number:02}.jpg")


def vifb(
    name: str,
    *,
    sources_saved_again: bool = False,
    without: Collection[str] = (),
    only: Collection[str] = (),
) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with the folder `name` of VIFB's images."""

    def compare(shared: Path, fuse: LoadedMethod) -> Compared:
        for ir, vis, published in vifb_cases(shared, name, without=without, only=only):
            if sources_saved_again:
                ir, vis = as_jpeg(ir), as_jpeg(vis)
            yield as_jpeg(fuse(ir, vis)), published

    return compare


def vifb_cases(
    shared: Path,
    name: str,
    *,
    without: Collection[str] = (),
    only: Collection[str] = (),
) -> Cases:
    """Read VIFB's pairs and the folder `name` of its images."""
    golden = shared / "golden" / "vifb"
    for published in sorted((golden / "fused" / name).glob("*.jpg")):
        if published.stem not in without and (not only or published.stem in only):
            ir, vis = (read_image(golden / d / published.name) for d in ("IR", "VI"))
            yield ir, vis, read_image(published)


def deep(
    name: str, *pairs: str, sides: tuple[str, str] = ("ir", "vi")
) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with the folder `name` of the networks' outputs; all pairs by default.

    Where the output is in colour, so were the sources. The sources of the medical pair are MRI and
    CT, in this order, unless `sides` exchanges them.
    """

    def compare(shared: Path, fuse: LoadedMethod) -> Compared:
        golden = shared / "golden" / "deep"
        for pair in pairs or sorted(p.stem for p in (golden / name).glob("*.png")):
            published = read_image(golden / name / f"{pair}.png")
            colour = "" if published.ndim == 2 else "_rgb"
            sources = (
                read_image(golden / "inputs" / f"{pair}_{side}{colour}.png") for side in sides
            )
            yield fuse(*sources), published

    return compare


# The pairs in the order in which GeSeNet ran, with what one series of random numbers gave them.
# Where an input is not at hand only its size is known; the program failed on an odd one.
GESENET_RUN: dict[str, tuple[int, int] | None] = {
    "tno_camp": None,
    "tno_trees4906": (270, 360),
    "tno_d05": None,
    "tno_t20": (450, 620),
    "road_04593": (264, 518),
    "road_04424": (284, 524),
    "med_ctmri1": None,
    "mf_lytro01": None,
    "me_u2d1": None,
}


def gesenet(shared: Path, fuse: LoadedMethod) -> Compared:
    """Compare with GeSeNet, which drew masks for all pairs from one series of random numbers."""
    import torch

    golden = shared / "golden" / "deep"
    stream = torch.Generator().manual_seed(0)
    network: Any = fuse._function
    network.generator = lambda: stream
    for pair, size in GESENET_RUN.items():
        if size is not None:
            for _ in range(1 if pair == "road_04424" else 2):
                torch.rand(1, 2, *size, generator=stream)
                torch.rand(1, 32, 4, 2, generator=stream)
            continue
        # The program reads the second source as grey.
        colour = "_rgb" if (golden / "inputs" / f"{pair}_vi_rgb.png").is_file() else ""
        sources = (golden / "inputs" / f"{pair}_{side}.png" for side in (f"vi{colour}", "ir"))
        ours = fuse(*map(read_image, sources))
        published = np.atleast_3d(read_image(golden / "GeSeNet" / f"{pair}.png"))
        yield np.broadcast_to(np.atleast_3d(ours), published.shape), published


def murf(shared: Path, fuse: LoadedMethod) -> Compared:
    """Compare with what the network of MURF returns for two patterns, at 8 bits."""
    import torch

    golden = shared / "golden" / "parity"
    patterns = runpy.run_path(str(golden / "rule.py"))["make_inputs"](70, 90, 3)
    visible, infrared = map(torch.from_numpy, patterns)
    with np.load(golden / "MURF.npz") as arrays:
        theirs = arrays["70x90_official_weights/rgb_out"]
    network: Any = fuse._function
    for image in zip(network.compute(infrared[:, :1], visible).numpy(), theirs, strict=True):
        ours, published = (to_8_bit(np.moveaxis(x, 0, 2).astype(float) * 255) for x in image)
        yield ours, published


def tang(name: str, *indexes: str) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison with the folder `name` of somebody else's runs on TNO, or some of it."""

    def compare(shared: Path, fuse: LoadedMethod) -> Compared:
        golden = shared / "golden" / "tang_tno"
        with (golden / "pairs.csv").open(newline="") as stream:
            pairs = {row["index"]: row for row in csv.DictReader(stream)}
        for index in indexes or sorted(p.stem for p in (golden / "fused" / name).glob("*.png")):
            published, pair = golden / "fused" / name / f"{index}.png", pairs[index]
            ir, vis = (read_image(shared / "data" / pair[side]) for side in ("ir", "vi"))
            yield fuse(ir, vis), read_image(published)

    return compare


def msvd_signs(
    cases: Callable[[Path], Cases], encode: Callable[[Image], Image]
) -> Callable[[Path, LoadedMethod], Compared]:
    """Give the comparison of MSVD with the signs of its axes that come nearest to each image.

    Colour images are fused channel by channel, and MATLAB's signs may differ between channels.
    """

    def compare(shared: Path, fuse: LoadedMethod) -> Compared:
        signs = get_args(get_type_hints(fuse.record.factory)["opposed"])
        methods = [load("msvd", device="cpu", opposed=s) for s in signs]
        for a, b, published in cases(shared):
            fused = [np.atleast_3d(method(a, b)) for method in methods]
            channels = fused[0].shape[2]

            def ours(chosen: list[int], fused: list[Image] = fused) -> Image:
                planes = [fused[k][..., c] for c, k in enumerate(chosen)]
                return encode(collapse_grey(np.stack(planes, axis=2)))

            def distance(chosen: list[int], published: Image = published) -> float:
                return float(np.abs(ours(chosen).astype(int) - published).mean())

            best = min(([k] * channels for k in range(len(methods))), key=distance)
            for c in 2 * list(range(channels) if channels > 1 else ()):
                best = min(
                    ([*best[:c], k, *best[c + 1 :]] for k in range(len(methods))), key=distance
                )
            yield ours(best), published

    return compare


EVIDENCE: dict[str, tuple[Evidence, ...]] = {
    "adf": (Evidence(octave("ADF")), Evidence(vifb("ADF"))),
    "asr": (
        Evidence(octave("ASR"), {"task": "ivif"}),
        Evidence(matlab(("lytro_asr", "lytro_asr"))),
    ),
    "auif": (Evidence(deep("AUIF")),),
    "cbf": (
        Evidence(matlab(("road1", "road1_CBF"), ("road5", "road5_CBF"))),
        Evidence(octave("CBF")),
        Evidence(mfifb("CBF")),
        Evidence(vifb("CBF", only=VIFB_SMALL)),
    ),
    "csmca": (Evidence(octave("CSMCA")),),
    "csr": (Evidence(octave("CSR"), {"task": "ivif"}),),
    # Published in a folder named after another method; they are curvelet images.
    "cvt": (
        Evidence(octave("CVT")),
        Evidence(matlab(("road1", "road1_MSTSR"), ("road5", "road5_MSTSR"))),
    ),
    "datfuse": (Evidence(deep("DATFuse")),),
    "deepfuse": (Evidence(deep("DeepFuse")),),
    "deepfuse_li": (Evidence(deep("DeepFuse-hli")),),
    "densefuse": (
        Evidence(deep("DenseFuse")),
        Evidence(tang("DenseFuse"), weights="tf_1e2"),
    ),
    "didfuse": (Evidence(deep("DIDFuse")),),
    "dtcwt": (Evidence(octave("DTCWT")),),
    "dwt": (Evidence(octave("DWT")),),
    "emfusion": (Evidence(deep("EMFusion-ctmri", sides=("vi", "ir"))),),
    "fpde": (Evidence(octave("FPDE")),),
    "gesenet": (
        Evidence(gesenet, {"masks": "drawn"}),
        Evidence(gesenet),
    ),
    "gff": (
        Evidence(octave("GFF")),
        Evidence(vifb("GFF", sources_saved_again=True, without=VIFB_BROKEN_GFF)),
    ),
    "gmc": (Evidence(octave("GMC")),),
    "gtf": (
        Evidence(matlab(("road1", "road1_GTF"), ("road5", "road5_GTF"))),
        Evidence(octave("GTF_matlab")),
        Evidence(vifb("GTF", only=VIFB_SMALL)),
    ),
    "hybrid_msd": (
        Evidence(matlab(("tnot1", "tnot1_Hybrid_MSD"), exchanged=True)),
        Evidence(octave("Hybrid_MSD")),
    ),
    "ifcnn_max": (Evidence(deep("IFCNN-MAX")), Evidence(tang("IFCNN"))),
    "ifcnn_mean": (Evidence(deep("IFCNN-MEAN")),),
    "ifcnn_sum": (Evidence(deep("IFCNN-SUM")),),
    "ifevip": (
        Evidence(matlab(("tnot1", "tnot1_IFEVIP"))),
        Evidence(octave("IFEVIP")),
    ),
    "latlrr": (Evidence(vifb("LatLRR", only=("manWalking", "peopleshadow"))),),
    "liu_cnn": (Evidence(deep("LiuCNN2018")), Evidence(vifb("CNN", only=VIFB_SMALL))),
    "lp": (Evidence(octave("LP")), Evidence(matlab(("mst_a01", "mst")))),
    "lp_sr": (Evidence(octave("LP_SR")), Evidence(mfifb("MST_SR"))),
    "lrrnet": (Evidence(deep("LRRNet")),),
    "matr": (Evidence(deep("MATR", sides=("vi", "ir"))),),
    "mfeif": (Evidence(deep("MFEIF")),),
    "mgff": (Evidence(octave("MGFF")), Evidence(mfifb("MGFF"))),
    "msvd": (
        Evidence(msvd_signs(lambda shared: octave_cases(shared, "MSVD_clip"), np.asarray)),
        Evidence(msvd_signs(lambda shared: vifb_cases(shared, "MSVD"), as_jpeg)),
        Evidence(msvd_signs(lambda shared: mfifb_cases(shared, "MSVD"), as_jpeg)),
    ),
    "murf": (Evidence(murf),),
    "nsct": (Evidence(octave("NSCT")),),
    "nsst_papcnn": (Evidence(octave("NSST_PAPCNN")),),
    "pmgi": (
        Evidence(deep("PMGI-ivf")),
        Evidence(deep("PMGI-med"), {"task": "medical"}),
        Evidence(deep("PMGI-mef"), {"task": "mef"}),
        Evidence(deep("PMGI-mff"), {"task": "mff"}),
        Evidence(tang("PMGI")),
    ),
    "reconet": (Evidence(deep("ReCoNet")),),
    "rp": (Evidence(octave("RP")),),
    "rp_sr": (Evidence(octave("RP_SR")), Evidence(vifb("RP_SR")), Evidence(mfifb("RP_SR"))),
    "sdnet": (
        Evidence(deep("SDNet-ivf")),
        Evidence(deep("SDNet-med"), {"task": "medical"}),
        Evidence(deep("SDNet-mef"), {"task": "mef"}),
        Evidence(deep("SDNet-mff"), {"task": "mff"}),
        Evidence(tang("SDNet")),
    ),
    "seafusion": (Evidence(deep("SeAFusion")),),
    "sesf": (Evidence(deep("SESF")),),
    "sr": (Evidence(octave("SR")),),
    "tardal": tuple(Evidence(deep(f"TarDAL-{m}"), {"mode": m}) for m in ("dt", "tt", "ct")),
    "tif": (Evidence(octave("TIF")), Evidence(vifb("TIF"))),
    # All 14 images of the second give the same figures, and take a minute.
    "u2fusion": (
        Evidence(deep("U2Fusion")),
        Evidence(tang("U2Fusion", "01", "08", "14", "18")),
        Evidence(deep("U2Fusion-visfirst"), {"order": "reversed", "output": "scaled"}),
    ),
    "vsmwls": (Evidence(octave("VSMWLS")), Evidence(vifb("VSMWLS", only=VIFB_SMALL))),
    "ydtr": (Evidence(deep("YDTR")),),
}


def summarise(compared: Compared) -> Fidelity:
    """Put differences into the figures of a record."""
    counts, images = np.zeros(256, np.int64), 0
    for ours, theirs in compared:
        difference = np.abs(ours.astype(int) - theirs.astype(int))
        counts += np.bincount(difference.ravel(), minlength=256)
        images += 1
    levels = np.arange(256)
    error = float((counts * levels**2).sum() / counts.sum())
    return Fidelity(
        against="",
        images=images,
        within_one=float(counts[:2].sum() / counts.sum()),
        mean_abs=float((counts * levels).sum() / counts.sum()),
        max_abs=float(levels[counts > 0].max()),
        equal=float(counts[0] / counts.sum()),
        psnr=math.inf if error == 0 else 10 * math.log10(255**2 / error),
    )


if __name__ == "__main__":
    given = Path(sys.argv[2] if len(sys.argv) > 2 else Path(__file__).parents[2] / "shared")
    for evidence in EVIDENCE[sys.argv[1]]:
        print(evidence.measure(given, sys.argv[1]))
