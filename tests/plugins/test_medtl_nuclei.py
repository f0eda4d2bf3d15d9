"""nuclei: the real pictures where they are, and an archive of drawn ones broken in every way."""

import io
import os
import zipfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_nuclei import dataset, pictures
from medtl_nuclei.fields import agreement, fields
from medtl_nuclei.pictures import BRIGHTFIELD, FLUORESCENCE, HISTOLOGY
from PIL import Image
from scipy.ndimage import gaussian_filter

from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import DataError, NotDownloadedError
from medtl_bench.files import downloads
from medtl_bench.files.archives import Limits
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer

OFFLINE = Path(os.environ.get(downloads.OFFLINE) or Path(__file__).parents[3] / "shared" / "data")
REAL = OFFLINE / dataset.DOWNLOAD.files[0].path
NAME = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    if not REAL.is_file():
        pytest.skip(f"{REAL.name} is not at hand")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(downloads.OFFLINE, str(OFFLINE))
        patch.setattr(
            "platformdirs.user_cache_dir", lambda _: str(tmp_path_factory.getbasetemp() / "cache")
        )
        built = dataset.build()
        assert dataset.build().digest() == built.digest()
    return built


def test_modalities_have_the_counts_that_are_known(nuclei: Dataset) -> None:
    for told in ("107 of stained-histology", "16 of brightfield", "150 of fluorescence"):
        assert told in nuclei.card.notes
    assert [domain.name for domain in nuclei.domains] == [HISTOLOGY, BRIGHTFIELD, FLUORESCENCE]


def test_most_histology_is_cut_from_larger_fields(nuclei: Dataset) -> None:
    assert "107 of stained-histology from 26 fields" in nuclei.card.notes
    assert "16 of brightfield from 16 fields" in nuclei.card.notes
    for domain in nuclei.domains:
        groups = [set(split.groups.tolist()) for split in domain.splits().values()]
        assert all(groups)
        assert len(set.union(*groups)) == sum(map(len, groups))


def test_tiles_of_different_splits_are_no_near_copies(nuclei: Dataset) -> None:
    for domain in nuclei.domains:
        train, test = (split.x.flatten(1).double().numpy() for split in (domain.train, domain.test))
        assert agreement(train, test).max() < 0.95


def test_nuclei_are_dark_where_stained_and_bright_where_they_shine(nuclei: Dataset) -> None:
    for domain in nuclei.domains:
        x, nucleus = domain.train.x[:, 0], domain.train.y == 1
        inside, outside = float(x[nucleus].mean()), float(x[~nucleus].mean())
        assert (inside > outside) == (domain.name == FLUORESCENCE), domain.name
        assert x.shape[1:] == (32, 32)
        assert 0 <= float(x.min()) < float(x.max()) <= 1
        assert bool(nucleus.flatten(1).any(1).all())


@pytest.mark.slow
def test_another_modality_costs_much_and_five_labelled_tiles_win_back_most_of_it(
    nuclei: Dataset,
) -> None:
    scenario = nuclei.transfer("to-histology")
    scores = list(transfer(nuclei, scenario, FineTune, seed=0, shots=(5,), draws=1, clock=Clock()))
    dice = {(score.stage, score.domain): score.value for score in scores if score.metric == "dice"}
    assert dice["fit", HISTOLOGY] < min(dice["fit", BRIGHTFIELD], dice["fit", FLUORESCENCE]) - 0.15
    assert dice["adapt", HISTOLOGY] > dice["fit", HISTOLOGY] + 0.1


def test_without_the_file_it_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(downloads.OFFLINE, str(tmp_path))
    with pytest.raises(NotDownloadedError):
        dataset.build()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def grey(seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 100, (height, width), dtype=np.uint8)


def mask(top: int, height: int = 64, width: int = 64) -> bytes:
    pixels = np.zeros((height, width), dtype=np.uint8)
    pixels[top : top + 16, 8:24] = 255
    return png(pixels)


def folder(name: str, image: np.ndarray, *masks: bytes) -> dict[str, bytes]:
    where = f"stage1_train/{name}"
    return {
        f"{where}/images/{name}.png": png(image),
        **{f"{where}/masks/{n}.png": one for n, one in enumerate(masks)},
    }


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_masks_are_joined_and_tiles_shrunk() -> None:
    (picture,) = pictures.pictures(
        folder(NAME, grey(0, 64, 130), mask(0, 64, 130), mask(30, 64, 130))
    )
    assert picture.modality == FLUORESCENCE
    cut = list(pictures.tiles(picture, side=32, shrink=2))
    assert [(g.shape, n.shape) for g, n in cut] == [((32, 32), (32, 32))] * 2
    assert np.argwhere(cut[0][1]).min(0).tolist() == [0, 4]
    assert [int(n.sum()) for _, n in cut] == [2 * 8 * 8, 0]
    mean = grey(0, 64, 130)[:2, :2].mean()
    assert abs(float(cut[0][0][0, 0]) - mean) <= 0.5
    assert len(dataset.chosen(picture)) == 1


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((200, 60, 160), HISTOLOGY), ((230, 230, 230), BRIGHTFIELD), ((9, 9, 9), FLUORESCENCE)],
)
def test_the_modality_is_told_from_colours(colour: tuple[int, int, int], expected: str) -> None:
    assert pictures.modality(np.full((8, 8, 3), colour, dtype=np.uint8)) == expected


def test_neighbours_and_copies_are_one_field_and_strangers_are_not() -> None:
    smooth = gaussian_filter(np.random.default_rng(1).normal(size=(128, 128)), 4)
    whole = (255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)
    quarters = [whole[:64, :64], whole[:64, 64:128], whole[64:, :64], whole[64:, 64:128]]
    copy = np.clip(quarters[0].astype(int) + 1, 0, 255).astype(np.uint8)
    made = [
        pictures.Picture(str(n), FLUORESCENCE, Image.fromarray(p), None)
        for n, p in enumerate([*quarters, copy, grey(5)])
    ]
    assert fields(made).tolist() == [0, 0, 0, 0, 0, 1]
    other = [*made[:1], pictures.Picture("x", BRIGHTFIELD, made[0].grey, None)]
    assert len(set(fields(other).tolist())) == 2


def test_agreement_is_lins_concordance() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 3, 20))
    for i, j in np.ndindex(3, 3):
        covariance = np.cov(a[i], b[j], bias=True)
        expected = (
            2
            * covariance[0, 1]
            / (covariance[0, 0] + covariance[1, 1] + (a[i].mean() - b[j].mean()) ** 2)
        )
        assert agreement(a, b)[i, j] == pytest.approx(expected)
    assert agreement(a, a + 5).max() < 0.2
    assert np.isfinite(agreement(np.zeros((1, 4)), np.zeros((1, 4)))).all()


GOOD = folder(NAME, grey(0), mask(0))
IMAGE = f"stage1_train/{NAME}/images/{NAME}.png"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({**GOOD, "../evil.png": b""}, r"'\.\./evil\.png', which is neither"),
        ({**GOOD, f"stage1_train/{NAME}/images/../../x.png": b""}, "which is neither"),
        ({IMAGE: png(grey(0))}, "1 images and 0 masks"),
        (
            {name: content for name, content in GOOD.items() if name != IMAGE},
            "0 images and 1 masks",
        ),
        (
            folder(NAME, grey(0), mask(0, 60)),
            r"has \(64, 60\) pixels, but its image has \(64, 64\)",
        ),
        ({**GOOD, IMAGE: b"no png"}, "cannot be read"),
        ({**GOOD, IMAGE: png(grey(0))[:200]}, "cannot be read"),
        (
            folder(NAME, np.zeros((2049, 2049), dtype=np.uint8), mask(0)),
            "at most 4,194,304 were expected",
        ),
    ],
)
def test_a_broken_archive_is_one_sentence(files: dict[str, bytes], told: str) -> None:
    with pytest.raises(DataError, match=told):
        pictures.pictures(files)


def test_an_archive_is_read_within_limits_or_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nuclei.zip"
    monkeypatch.setenv(downloads.OFFLINE, str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))

    def load(content: bytes) -> int:
        file.write_bytes(content)
        remote = downloads.Remote(file.name, "", sha256(content).hexdigest())
        monkeypatch.setattr(dataset, "DOWNLOAD", downloads.Download("CC0", (remote,)))
        return len(dataset.load()["grey"])

    assert load(zipped(GOOD)) == 1
    with pytest.raises(DataError, match=r"nuclei\.zip is damaged"):
        load(zipped(GOOD)[:-30])
    monkeypatch.setattr(dataset, "LIMITS", Limits(members=1))
    with pytest.raises(DataError, match="more than the 1 members allowed"):
        load(zipped({**GOOD, "more": b""}))


def test_arrays_keep_a_field_together_and_every_modality_in_every_split() -> None:
    made = [
        pictures.Picture(
            f"{modality}-{n}", modality, Image.fromarray(grey(n)), Image.open(io.BytesIO(mask(0)))
        )
        for modality in dataset.NAMES
        for n in range(8)
    ]
    table = dataset.arranged(made)
    parts = Counter(zip(table["modality"].tolist(), table["part"].tolist(), strict=True))
    assert parts == {(m, p): count for m in range(3) for p, count in ((0, 5), (1, 1), (2, 2))}
    assert len(table["grey"]) == len(table["nucleus"]) == len(table["picture"]) == 24
    assert torch.from_numpy(table["grey"]).dtype == torch.uint8
