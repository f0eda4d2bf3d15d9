from collections.abc import Callable

import pytest
from medtl_toy import dataset
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score

from medtl_bench.contract.dataset import Dataset

BUILDS = [dataset.vectors, dataset.images, dataset.masks]


@pytest.mark.parametrize(
    ("build", "domains", "sizes", "shape"),
    [
        (dataset.vectors, 4, [300, 60, 1000], (8,)),
        (dataset.images, 3, [120, 30, 1000], (1, 8, 8)),
        (dataset.masks, 3, [16, 8, 1000], (1, 8, 8)),
    ],
)
def test_each_domain_has_the_documented_sizes(
    build: Callable[[], Dataset], domains: int, sizes: list[int], shape: tuple[int, ...]
) -> None:
    built = build()
    assert len(built.domains) == domains
    for domain in built.domains:
        assert [len(split) for split in domain.splits().values()] == sizes
        assert domain.train.x.shape[1:] == shape
    assert (len(built.transfers), len(built.streams)) == (1, 1)
    assert built.card.provenance == built.card.area == "simulated"


@pytest.mark.parametrize("build", BUILDS)
def test_two_builds_hold_the_same_data(build: Callable[[], Dataset]) -> None:
    assert build().digest() == build().digest()


@pytest.mark.parametrize("build", BUILDS)
def test_inputs_are_multiples_of_a_power_of_two_so_that_processors_agree(
    build: Callable[[], Dataset],
) -> None:
    for domain in build().domains:
        scaled = domain.train.x * 1024
        assert (scaled == scaled.round()).all()


@pytest.mark.parametrize("build", [dataset.vectors, dataset.images])
def test_every_class_is_in_every_split_about_equally(build: Callable[[], Dataset]) -> None:
    for domain in build().domains:
        for split in domain.splits().values():
            counts = split.y.bincount()
            assert counts.max() - counts.min() <= 1


def test_masks_hold_a_blob_in_every_image() -> None:
    for domain in dataset.masks().domains:
        share = domain.test.y.float().flatten(1).mean(1)
        assert share.min() > 0.03
        assert share.max() < 0.5


@pytest.mark.parametrize(("build", "least_drop"), [(dataset.vectors, 0.15), (dataset.images, 0.3)])
def test_a_classifier_of_the_sources_loses_on_the_target_and_target_labels_mend_it(
    build: Callable[[], Dataset], least_drop: float
) -> None:
    built = build()
    *sources, target = built.domains
    rows = [
        (x, y)
        for s in sources
        for x, y in zip(s.train.x.flatten(1).numpy(), s.train.y.numpy(), strict=True)
    ]
    model = RandomForestClassifier(100, random_state=0).fit(*zip(*rows, strict=True))

    def score(model: RandomForestClassifier, domain_name: str) -> float:
        test = built.domain(domain_name).test
        return float(balanced_accuracy_score(test.y, model.predict(test.x.flatten(1).numpy())))

    at_home, abroad = min(score(model, s.name) for s in sources), score(model, target.name)
    assert at_home - abroad > least_drop
    mended = RandomForestClassifier(100, random_state=0).fit(
        target.train.x.flatten(1).numpy(), target.train.y.numpy()
    )
    assert score(mended, target.name) > abroad + least_drop
