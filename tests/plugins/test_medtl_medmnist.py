"""medmnist: files in the official format with drawn images, offline or on a loopback server."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from medtl_medmnist import archive, dataset, naming, sets
from pytest_httpserver import HTTPServer

from medtl_bench.catalogue import discovery
from medtl_bench.contract.dataset import Dataset
from medtl_bench.errors import DataError, IntegrityError, MedTLError, NotDownloadedError
from medtl_bench.files import downloads
from medtl_bench.testing import checks_of

SIZES = {"train": 240, "val": 60, "test": 120}
COLOURED = {"pathmnist", "dermamnist", "retinamnist", "bloodmnist"}
SEVERAL = [name for name in sets.SETS if len(sets.SETS[name].tasks) > 1]


def arrays(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Return what a file of the set holds, its classes ever rarer, as bright as their label."""
    one, draw = sets.SETS[name], np.random.default_rng(seed)
    classes = len(one.labels)
    share = 0.7 ** np.arange(classes)
    found = {}
    for split, n in SIZES.items():
        labels = draw.choice(classes, (n, 1), p=share / share.sum()).astype(np.uint8)
        labels[:classes, 0] = np.arange(classes)
        if one.kind == "findings":
            labels = (draw.random((n, classes)) < 0.3 * share).astype(np.uint8)
            labels[:classes] |= np.eye(classes, dtype=np.uint8)
        shape = (n, 28, 28, 3) if name in COLOURED else (n, 28, 28)
        bright = labels.sum(1) if one.kind == "findings" else labels[:, 0]
        images = draw.integers(0, 60, shape) + 12 * bright.reshape(-1, *[1] * (len(shape) - 1))
        found |= {f"{split}_images": images.astype(np.uint8), f"{split}_labels": labels}
    return found


def npz(content: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that places files of sets in the offline folder, with their own MD5."""
    monkeypatch.setenv(downloads.OFFLINE, str(tmp_path / "offline"))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))

    def place(**files: bytes) -> None:
        for name, content in files.items():
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            medmnist = replace(sets.SETS[name], md5=md5)
            monkeypatch.setitem(sets.SETS, name, medmnist)
            path = tmp_path / "offline" / medmnist.remote.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return place


@pytest.fixture
def built(publish: Callable[..., None]) -> Callable[[str], Dataset]:
    """Return a function: a dataset built of drawn files of the sets it names."""

    def build(argument: str) -> Dataset:
        publish(**{name: npz(arrays(name)) for name in argument.split("+")})
        return discovery.find().dataset(f"medmnist:{argument}")

    return build


@pytest.mark.parametrize("name", SEVERAL)
def test_every_set_with_several_tasks_runs_alone(
    built: Callable[[str], Dataset], name: str
) -> None:
    medmnist = built(name)
    (transfer,) = medmnist.transfers
    share = shares(name)
    assert len(transfer.targets) == len(share) // 3
    rarest = max(map(share.__getitem__, transfer.targets))
    assert rarest <= min(map(share.__getitem__, transfer.sources))
    assert {*transfer.sources, *transfer.targets} == {domain.name for domain in medmnist.domains}
    assert medmnist.domains[0].train.x.shape[1:] == (3 if name in COLOURED else 1, 28, 28)
    for domain in medmnist.domains:
        assert domain.train.y.unique().tolist() == [0, 1]
        assert domain.test.y.unique().tolist() == [0, 1]


def shares(name: str) -> dict[str, float]:
    """Return the share of the training images of each domain's class."""
    labels = arrays(name)["train_labels"].astype(int)
    domains = [f"{name}/{task}" for task in sets.SETS[name].tasks]
    return dict(zip(domains, sets.SETS[name].members(labels).mean(0), strict=True))


def test_sets_are_joined_with_one_layout(built: Callable[[str], Dataset]) -> None:
    found = built("octmnist+breastmnist+dermamnist")
    assert {d.train.x.shape[1] for d in found.domains} == {3}
    grey = found.domain("breastmnist/malignant").train.x
    assert torch.equal(grey[:, 0], grey[:, 2])
    assert found.domain("octmnist/normal").name in found.transfers[0].targets
    assert "CC BY-NC 4.0 (dermamnist)" in found.card.licence


def test_of_two_sets_with_two_classes_the_rarer_disease_is_the_target(
    built: Callable[[str], Dataset],
) -> None:
    (transfer,) = built("breastmnist+pneumoniamnist").transfers
    assert (transfer.sources, transfer.targets) == (
        ("breastmnist/malignant",),
        ("pneumoniamnist/pneumonia",),
    )


def test_one_choice_of_sets_has_one_name_in_whatever_order_and_letters(
    publish: Callable[..., None],
) -> None:
    publish(octmnist=npz(arrays("octmnist")), breastmnist=npz(arrays("breastmnist")))
    built = [dataset.build(a) for a in ("octmnist+breastmnist", "BreastMNIST_28+OCTMNIST")]
    assert {data.name for data in built} == {"medmnist:breastmnist+octmnist"}
    assert len({data.digest() for data in built}) == 1


def test_rare_classes_are_in_no_task_of_another_class() -> None:
    one = sets.SETS["bloodmnist"]
    content = arrays("bloodmnist")
    table = dataset.arranged(one, archive.read(npz(content), one))
    rare = np.flatnonzero(table["rare"])
    assert rare.tolist() == [6, 7]
    label_of = {}
    for split in SIZES:
        images = np.ascontiguousarray(content[f"{split}_images"].transpose(0, 3, 1, 2))
        pixels = (image.tobytes() for image in images)
        label_of |= dict(zip(pixels, content[f"{split}_labels"][:, 0].tolist(), strict=True))
    for task in range(8):
        for split in SIZES:
            x, y = table[f"{task}/{split}/x"], table[f"{task}/{split}/y"]
            labels = np.array([label_of[image.tobytes()] for image in x])
            assert (labels[y == 1] == task).all()
            assert not np.isin(labels[y == 0], [task, *rare]).any()


def test_a_finding_and_a_grade_are_tasks_of_their_own() -> None:
    chest, retina = sets.SETS["chestmnist"], sets.SETS["retinamnist"]
    assert chest.members(np.eye(14, dtype=np.int64)).tolist() == np.eye(14, dtype=bool).tolist()
    assert retina.members(np.array([[0], [2], [4]])).tolist() == [
        [False] * 4,
        [True, True, False, False],
        [True] * 4,
    ]
    assert sets.SETS["breastmnist"].members(np.array([[0], [1]])).tolist() == [[True], [False]]
    assert sets.SETS["pneumoniamnist"].members(np.array([[0], [1]])).tolist() == [[False], [True]]


def test_sides_of_the_body_are_never_mirrored(built: Callable[[str], Dataset]) -> None:
    assert "flips" in built("bloodmnist").task.allowed
    assert built("bloodmnist+organamnist").task.allowed == ("affine", "intensity")


def test_copies_of_test_images_are_dropped_from_training(publish: Callable[..., None]) -> None:
    content = arrays("octmnist")
    content["train_images"][:7] = content["test_images"][:7]
    content["val_images"][0] = content["test_images"][9]
    publish(octmnist=npz(content))
    found = dataset.build("octmnist")
    assert "but 8 images were dropped" in found.card.notes
    for domain in found.domains:
        test = {image.numpy().tobytes() for image in domain.test.x}
        assert not test & {image.numpy().tobytes() for image in (*domain.train.x, *domain.val.x)}


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("pathmist", "no 2D set of MedMNIST named 'pathmist'; did you mean 'pathmnist'"),
        ("OrganMNIST3D", "organmnist3d holds volumes, .*; medmnist: has the 2D sets pathmnist, ch"),
        ("octmnist+synapsemnist3d_64", "synapsemnist3d holds volumes, .* has the 2D sets"),
        ("bloodmnist_64", "bloodmnist in 64 x 64 pixels, but .* 28 x 28 only, as medmnist:bloodm"),
        (
            "dermamnist+octmnist224",
            "octmnist in 224 x 224 pixels, but medmnist: has its sets in 28",
        ),
        ("octmnist?size=128", "octmnist in 128 x 128 pixels, but medmnist: has its sets in 28 x"),
        ("octmnist+octmnist_28", r"named once, but got 'octmnist\+octmnist_28'"),
        ("octmnist+octmnist", "named once, but got 'octmnist\\+octmnist'"),
        ("breastmnist", "breastmnist makes one task, and transfer needs two; join it"),
        ("octmnist+", "no 2D set of MedMNIST named ''"),
    ],
)
def test_an_argument_that_cannot_be_is_one_sentence(argument: str, told: str) -> None:
    for look in (dataset.build, naming.download):
        with pytest.raises(MedTLError, match=told):
            look(argument)


def broken(**changed: np.ndarray | None) -> bytes:
    return npz(
        {name: array for name, array in (arrays("octmnist") | changed).items() if array is not None}
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (broken(test_labels=None), "has no array 'test_labels'; it holds test_images.npy"),
        (
            broken(train_images=np.zeros((240, 64, 64), dtype=np.uint8)),
            r"uint8\[240, 64, 64\] and their labels \[240, 1\], but",
        ),
        (broken(train_images=np.zeros((240, 28, 28))), r"are float64\[240, 28, 28\]"),
        (broken(val_labels=np.zeros((59, 1), dtype=np.uint8)), r"their labels \[59, 1\]"),
        (
            broken(val_labels=np.full((60, 1), 9, dtype=np.uint8)),
            r"must be whole numbers in 0\.\.3",
        ),
        (broken(val_labels=np.full((60, 1), 0.5)), r"must be whole numbers in 0\.\.3"),
        (
            broken(test_labels=np.zeros((120, 1), dtype=np.uint8)),
            "test split of octmnist has no image on one side of the task",
        ),
        (
            broken(train_labels=np.full((240, 1), {"a": 1}, dtype=object)),
            "'train_labels' .* cannot be read: .*pickle|allow_pickle",
        ),
        (broken()[:-40], r"medmnist/octmnist\.npz is damaged"),
        (b"no archive", r"medmnist/octmnist\.npz is damaged"),
    ],
)
def test_a_file_in_another_format_is_one_sentence(
    publish: Callable[..., None], content: bytes, told: str
) -> None:
    publish(octmnist=content)
    with pytest.raises(DataError, match=told):
        dataset.build("octmnist")


def test_a_file_that_is_missing_or_changed_is_told(
    publish: Callable[..., None], tmp_path: Path
) -> None:
    publish(octmnist=npz(arrays("octmnist")))
    path = tmp_path / "offline" / "medmnist" / "octmnist.npz"
    path.write_bytes(npz(arrays("octmnist", seed=1)))
    with pytest.raises(IntegrityError, match="its MD5 is"):
        dataset.build("octmnist")
    path.unlink()
    with pytest.raises(NotDownloadedError, match="medtl-bench data fetch medmnist:octmnist"):
        discovery.find().dataset("medmnist:octmnist")


def test_it_is_fetched_from_a_server_and_built(
    httpserver: HTTPServer,
    publish: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = npz(arrays("octmnist"))
    publish(octmnist=content)
    monkeypatch.delenv(downloads.OFFLINE)
    monkeypatch.setattr(sets, "ZENODO", httpserver.url_for("/records/10519652/files"))
    httpserver.expect_request(
        "/records/10519652/files/octmnist.npz", query_string="download=1"
    ).respond_with_data(content)
    with pytest.raises(NotDownloadedError):
        dataset.build("octmnist")
    (remote,) = naming.download("octmnist").files
    downloads.fetch(remote)
    assert dataset.build("octmnist").name == "medmnist:octmnist"
    assert (tmp_path / "cache" / "medmnist" / "octmnist.npz").read_bytes() == content


def test_all_is_as_the_kit_wants_it(built: Callable[[str], Dataset]) -> None:
    built("dermamnist+octmnist")
    for check in checks_of("medmnist:dermamnist+octmnist"):
        # another process does not know the MD5 of drawn files
        if "same data each time" not in str(check):
            check()
