"""The template, simulated subjects, what scanners make of them, and what can be learned."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from medtl_baselines.finetune import FineTune
from medtl_brain import anatomy, contrasts, lesions, scanner
from sklearn.metrics import roc_auc_score

from medtl_bench.contract.dataset import Dataset
from medtl_bench.contract.scenario import Transfer
from medtl_bench.protocols.examiner import Clock
from medtl_bench.protocols.transfer import transfer
from tests.shipped import assert_refused, origin, replaced

WHEEL = "nilearn-0.14.1-py3-none-any.whl"
BUILDS = {"brain-contrasts": contrasts.build, "brain-lesions": lesions.build}


@pytest.fixture(scope="module")
def built() -> dict[str, Dataset]:
    return {name: build() for name, build in BUILDS.items()}


def test_the_template_holds_shares_of_tissue_in_the_order_that_t1_shows_them() -> None:
    t1, *tissues = anatomy.template()
    assert t1.shape == (75, 94, 50)
    assert np.sum(tissues, 0).max() < 1.01
    fluid, grey, white = (t1[tissue > 0.9].mean() for tissue in tissues)
    assert fluid + 0.2 < grey < white - 0.1


def test_a_subject_that_is_not_moved_is_the_template() -> None:
    still = anatomy.Subject(np.eye(3), np.zeros(3), np.zeros((3, 6, 8, 5)))
    (one,) = still.slices([51.0])  # the middle of layer 25
    shares = anatomy.template()[:, :, :, 25]
    middle = one[:, 14:18, 14:18].mean((1, 2))  # 16 mm a side about the template's middle
    assert middle == pytest.approx(shares[:, 33:42, 43:51].mean((1, 2)), abs=0.02)
    assert one[0, :16].sum() != one[0, 16:].sum()  # front and back differ
    # left and right are alike
    assert one[3].T[:16].sum() == pytest.approx(one[3].T[16:].sum(), rel=0.1)


def test_subjects_differ_and_repeat() -> None:
    first, again, second = (
        anatomy.Subject.drawn(anatomy.stream("here", n)).slices([40.0]) for n in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert (anatomy.labels(first) != anatomy.labels(second)).mean() > 0.1


def test_a_label_is_the_largest_share_of_a_pixel() -> None:
    pixel = np.array(
        [[0.0, 0.2, 0.3, 0.5], [0.0, 0.1, 0.2, 0.1], [0.0, 0.5, 0.4, 0.1], [0.0, 0.3, 0.4, 0.2]]
    )
    assert anatomy.labels(pixel.T.reshape(1, 4, 1, 4)).tolist() == [[[3, 0, 1, 2]]]


def test_signals_are_those_of_the_equations_and_in_the_order_that_radiology_knows() -> None:
    white = scanner.Relaxation(500, 70, 0.77)
    assert scanner.spin_echo(white, repetition=500, echo=70) == pytest.approx(
        0.77 * (1 - np.exp(-1)) * np.exp(-1)
    )
    value = 0.77 * abs(1 - 2 * np.exp(-1) + np.exp(-20)) * np.exp(-1)
    assert scanner.inversion_recovery(
        white, inversion=500, repetition=10_000, echo=70
    ) == pytest.approx(value)
    order = {
        name: sorted(taken.signal, key=taken.signal.get)
        for name, taken in contrasts.SCANNERS.items()
        if taken.signal
    }
    assert order["t2"] == order["pd"] == ["white", "grey", "csf"]
    assert order["flair"] == order["ct"] == ["csf", "white", "grey"]
    assert scanner.FLAIR.signal["csf"] < 0.02 * scanner.FLAIR.signal["grey"]


def test_noise_blur_and_unevenness_are_those_that_are_named() -> None:
    flat = np.ones((32, 32))
    noisy = scanner.Scanner({}, blur=0, unevenness=0, noise=0.05).image(
        flat, anatomy.stream("noise")
    )
    assert np.median(noisy) == 0.5
    assert noisy.std() / noisy.mean() == pytest.approx(0.05, rel=0.1)
    uneven = scanner.Scanner({}, blur=0, unevenness=0.4, noise=0).image(
        flat, anatomy.stream("field")
    )
    assert (uneven.max() - uneven.min()) / uneven.mean() == pytest.approx(0.4, abs=0.1)
    dense = scanner.Scanner({}, blur=0, unevenness=0, noise=0, magnetic=False).image(
        40 * flat, anatomy.stream("ct")
    )
    assert (dense == 0.5).all()  # 40 of 80 Hounsfield units


def test_each_domain_has_the_documented_sizes(built: dict[str, Dataset]) -> None:
    for domain in built["brain-contrasts"].domains:
        assert [len(split) for split in domain.splits().values()] == [40, 20, 200]
        assert domain.train.x.shape[1:] == (1, 32, 32)
        assert domain.train.y.shape[1:] == (32, 32)
    sizes = {
        domain.name: tuple(map(len, domain.splits().values()))
        for domain in built["brain-lesions"].domains
    }
    assert sizes == {
        "plaques": (24, 40, 480),
        "glioma": (24, 40, 480),
        "haemorrhage": (24, 40, 480),
        "abscess": (16, 40, 480),
        "leukodystrophy": (16, 40, 480),
    }
    assert lesions.COMMON == ("plaques", "glioma", "haemorrhage")
    assert lesions.RARE == ("abscess", "leukodystrophy")


@pytest.mark.parametrize("name", BUILDS)
def test_two_builds_hold_the_same_data_in_steps_that_every_processor_agrees_on(
    built: dict[str, Dataset], name: str
) -> None:
    assert BUILDS[name]().digest() == built[name].digest()
    for domain in built[name].domains:
        assert (domain.train.x * scanner.STEPS).frac().abs().max() == 0


@pytest.mark.parametrize("name", BUILDS)
def test_a_subject_is_in_one_split_and_no_test_image_nearly_is_a_training_image(
    built: dict[str, Dataset], name: str
) -> None:
    domains = built[name].domains
    for domain in domains:
        groups = [set(split.groups.tolist()) for split in domain.splits().values()]
        assert sum(map(len, groups)) == len(set.union(*groups))
    train = standard(torch.cat([domain.train.x for domain in domains]))
    test = standard(torch.cat([domain.test.x for domain in domains]))
    assert (test @ train.T / train.shape[1]).max() < 0.97


def standard(images: torch.Tensor) -> torch.Tensor:
    """Return images [n, pixels], each with mean 0 and deviation 1."""
    x = images.flatten(1)
    return (x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True)


def test_no_subject_is_in_two_contrasts(built: dict[str, Dataset]) -> None:
    masks = [
        mask.numpy().tobytes()
        for d in built["brain-contrasts"].domains
        for s in d.splits().values()
        for mask in s.y
    ]
    assert len(set(masks)) == len(masks) == 1300


def test_every_slice_holds_all_tissues_and_fluid_is_as_rare_as_the_card_says(
    built: dict[str, Dataset],
) -> None:
    y = torch.cat(
        [
            split.y
            for domain in built["brain-contrasts"].domains
            for split in domain.splits().values()
        ]
    )
    assert (y.flatten(1).unsqueeze(2) == torch.arange(4)).any(1).float().mean(0).min() > 0.95
    assert "about 4% of the pixels" in built["brain-contrasts"].card.notes
    assert float((y == 1).float().mean()) == pytest.approx(0.04, abs=0.005)


@pytest.mark.parametrize(
    ("paint", "side"), [(lesions.plaques, 1), (lesions.glioma, 1), (lesions.leukodystrophy, 1)]
)
def test_a_lesion_changes_the_image_where_it_is_and_brightens_it(
    paint: Callable, side: int
) -> None:
    (one,) = anatomy.Subject.drawn(anatomy.stream("a")).slices([45.0])
    clean = scanner.FLAIR.clean(one)
    changed = paint(clean, one, anatomy.stream("b")) - clean
    assert 0.005 < (np.abs(changed) > 0.1 * lesions.GREY_SIGNAL).mean() < 0.5
    assert side * changed.sum() > 0


@pytest.mark.parametrize("paint", [lesions.haemorrhage, lesions.abscess])
def test_a_ring_has_a_core_that_is_darker_than_its_margin(paint: Callable) -> None:
    (one,) = anatomy.Subject.drawn(anatomy.stream("a")).slices([45.0])
    clean = scanner.FLAIR.clean(one)
    changed = (paint(clean, one, anatomy.stream("b")) - clean) / lesions.GREY_SIGNAL
    assert changed.min() < -0.05
    assert changed.max() > 0.15


def test_half_of_the_subjects_are_ill_and_brightness_alone_tells_as_much_as_the_card_says(
    built: dict[str, Dataset],
) -> None:
    for domain in built["brain-lesions"].domains:
        for split in domain.splits().values():
            assert split.y.bincount().tolist() == [len(split) // 2] * 2
    areas = {
        domain.name: roc_auc_score(domain.test.y, domain.test.x.flatten(1).mean(1))
        for domain in built["brain-lesions"].domains
    }
    assert min(areas, key=areas.get) == "haemorrhage"
    assert areas["haemorrhage"] == pytest.approx(0.65, abs=0.005)
    assert max(areas, key=areas.get) == "leukodystrophy"
    assert areas["leukodystrophy"] == pytest.approx(0.84, abs=0.005)


def scores(
    dataset: Dataset, scenario: Transfer, seed: int, shots: tuple[int, ...]
) -> dict[tuple, float]:
    """Return the primary scores of fine-tuning by stage, domain and shots."""
    found = transfer(dataset, scenario, FineTune, seed=seed, shots=shots, draws=1, clock=Clock())
    return {
        (s.stage, s.domain, s.shots): s.value for s in found if s.metric == dataset.task.primary
    }


@pytest.mark.slow
def test_what_t1_taught_fails_in_another_contrast_and_five_subjects_bring_much_of_it_back(
    built: dict[str, Dataset],
) -> None:
    # least drop, least gain
    margins = {"t2": (0.4, 0.2), "pd": (0.35, 0.15), "flair": (0.1, 0.05), "ct": (0.25, 0.2)}
    scenario = Transfer("t1-to-all", ("t1",), tuple(margins), unit="subject")
    for seed in range(3):
        value = scores(built["brain-contrasts"], scenario, seed, (5,))
        assert value["fit", "t1", None] > 0.6
        for contrast, (drop, gain) in margins.items():
            assert value["fit", "t1", None] - value["fit", contrast, None] > drop, (contrast, seed)
            assert value["adapt", contrast, 5] - value["fit", contrast, None] > gain, (
                contrast,
                seed,
            )


@pytest.mark.slow
def test_common_lesions_teach_something_about_rare_ones(built: dict[str, Dataset]) -> None:
    dataset = built["brain-lesions"]
    runs = pd.DataFrame([scores(dataset, dataset.transfers[0], seed, (5,)) for seed in range(3)])
    mean = runs.mean().to_dict()
    for name in lesions.COMMON + lesions.RARE:
        assert 0.6 < mean["fit", name, None] < 0.97, name
    for name in lesions.RARE:
        assert mean["full", name, None] > 0.6, name


def test_a_tampered_file_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(anatomy, anatomy.FILE.read_bytes()[:-1] + b"?", tmp_path, monkeypatch)
    anatomy.template.cache_clear()
    try:
        assert_refused(contrasts.build, "mni_icbm152.npz")
    finally:
        anatomy.template.cache_clear()


def test_rebuilding_from_the_origin_gives_the_shipped_bytes() -> None:
    path = origin(WHEEL)
    pytest.importorskip(
        "nibabel", reason="rebuilding needs nibabel: pip install medtl-bench[rebuild]"
    )
    from medtl_brain import rebuild  # noqa: PLC0415

    assert rebuild.make(path) == anatomy.FILE.read_bytes()
