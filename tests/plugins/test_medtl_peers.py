"""The methods of other libraries: asked what ours are asked, and skipped without the library."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from medtl_maml.maml import MAML as OurMAML
from medtl_peers import library, medtl_algorithms
from medtl_peers.flat import FlatMethod
from medtl_peers.with_learn2learn import ANIL, MAML
from medtl_peers.with_sklearn import NearestNeighbours, SupportVectors
from sklearn.svm import SVC

from medtl_bench.catalogue import discovery
from medtl_bench.contract.split import Split
from medtl_bench.protocols.transfer import TRANSFER
from medtl_bench.randomness import generator
from medtl_bench.running.trial import Setting, run_trial
from medtl_bench.training.method import GradientMethod
from tests.records import record
from tests.simulated import CLASSES, VALUES, moons

NAMES = [entry.name for entry in medtl_algorithms()]
LIBRARIES = {"learn2learn": "learn2learn", "avalanche": "avalanche", "skada": "skada"}


def test_each_library_named_by_the_suite_is_there_under_its_own_name() -> None:
    wanted = {
        *("learn2learn-maml", "learn2learn-anil"),
        *(f"avalanche-{name}" for name in ("ewc", "si", "lwf", "mas", "replay", "gem")),
        *(
            f"skada-{name}"
            for name in ("coral", "subspace-alignment", "optimal-transport", "tca", "kliep")
        ),
    }
    assert wanted < set(NAMES)
    pairs = {entry.name: entry.counterpart for entry in medtl_algorithms() if entry.counterpart}
    assert pairs == {"learn2learn-maml": "maml", "avalanche-ewc": "ewc"}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("sklearn")])
def test_without_its_library_a_trial_is_skipped_and_says_what_to_install(
    monkeypatch, tmp_path, name: str
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda module: None)
    found = discovery.find()
    task = next(
        t
        for t in (CLASSES, VALUES)
        if (found.algorithm(name).supports(t) or "install").startswith("install")
    )
    assert found.algorithm(name).supports(task).startswith("install medtl-bench[peers]: ")

    data = SimpleNamespace(
        task=task, domains=[SimpleNamespace(train=SimpleNamespace(x=torch.zeros(1, 2)))]
    )
    setting = Setting(found.algorithm(name), TRANSFER, data)
    outcome = run_trial(setting, record(algorithm=name).trial, tmp_path / "answers").outcome
    assert outcome.status == "skipped"
    assert outcome.reason.startswith("install medtl-bench[peers]: ")


def test_the_plugin_imports_none_of_the_libraries() -> None:
    libraries = ("learn2learn", "avalanche", "skada", "ot", "torch")
    code = f"import sys, medtl_peers; sys.exit(any(m in sys.modules for m in {libraries}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_imported_finds_no_other_framework(tmp_path, monkeypatch) -> None:
    (tmp_path / "library_under_test.py").write_text(
        "try:\n    import jax\n    found = True\nexcept ImportError:\n    found = False\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert library.imported("library_under_test").found is False
    assert "jax" not in sys.modules or importlib.util.find_spec("jax")


def test_a_seeded_block_draws_from_its_generator_and_leaves_no_trace() -> None:
    def drawn(seed: int) -> tuple[float, float]:
        with library.seeded(generator("peers", seed)):
            return float(np.random.rand()), float(torch.rand(()))

    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert drawn(1) == drawn(1) != drawn(2)
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


def pair() -> tuple[Split, Split]:
    draw = generator("peers moons")
    return moons(draw, 200, 0.0), moons(draw, 60, 35.0)


class Counting(FlatMethod):
    """Keeps what it was asked to learn from."""

    def learn(self, parts):
        self.parts = list(parts)


def test_half_of_what_is_learned_is_the_supports() -> None:
    source, target = pair()
    learner = Counting(CLASSES, generator("flat"), rows=100)
    learner.fit([source, source[:10]], target.x)
    assert [len(part) for part in learner.parts] == [50, 50]
    learner.adapt(target[:7])
    assert sum(map(len, learner.parts[:-1])) == 50
    assert len(learner.parts[-1]) == 50
    repeats = learner.parts[-1].x.unique(dim=0, return_counts=True)[1]
    assert len(repeats) == 7
    assert repeats.max() - repeats.min() <= 1


def test_a_support_vector_machine_is_scikit_learns_on_standardised_inputs() -> None:
    source, target = pair()
    learner = SupportVectors(CLASSES, generator("svm"))
    learner.fit([source], target.x)
    z = learner.embed(source.x).numpy()
    # every row is taken three times, to make 600 of 200
    reference = SVC(C=3.0).fit(z, source.y.numpy())
    margin = reference.decision_function(learner.embed(target.x).numpy())
    scores = learner.predict(target.x)
    assert np.allclose((scores[:, 1] - scores[:, 0]).numpy(), margin, atol=0.02)
    assert (
        (scores.argmax(1).numpy() == reference.predict(learner.embed(target.x).numpy())).mean()
    ) > 0.95


@pytest.mark.parametrize("cls", [NearestNeighbours, SupportVectors])
def test_the_same_estimators_regress_values(cls: type) -> None:
    x = torch.rand(200, 2, generator=generator("values"))
    learner = cls(VALUES, generator("values"))
    learner.fit([Split(x, x[:, 0] - x[:, 1])], x)
    assert float((learner.predict(x) - (x[:, 0] - x[:, 1])).abs().mean()) < 0.1


def test_inner_steps_of_anil_move_the_head_alone() -> None:
    pytest.importorskip("learn2learn")
    source, target = pair()
    learner = ANIL(CLASSES, generator("anil"), steps=5)
    learner.fit([source, source], target.x)
    before = {name: value.detach().clone() for name, value in learner.net.parameters.items()}
    learner.adapt(target)
    moved = {
        name.partition(".")[0]
        for name, value in learner.net.parameters.items()
        if not torch.equal(value, before[name])
    }
    assert moved == {"head"}


def of_chance(name: str) -> Split:
    """Return a source whose labels mean nothing, so that to learn them makes validation worse."""
    held, learned = (moons(generator(name, part), 40, 0) for part in ("validation", "train"))
    draw = generator(name, "labels")
    shuffled = [torch.randint(2, (40,), generator=draw) for _ in range(2)]
    return Split(learned.x, shuffled[0], validation=Split(held.x, shuffled[1]))


@pytest.mark.parametrize("name", ["ewc", "replay"])  # of its two ways to hand over batches
def test_an_experience_of_avalanche_ends_by_validation_with_its_best_weights(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pytest.importorskip("avalanche")
    steps: list[object] = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *a: (steps.append(1), step(*a))[1])
    cls, source = discovery.find().algorithm(f"avalanche-{name}"), of_chance("source")
    learner = cls(CLASSES, generator("ends"), steps=1000, adapt_steps=7, patience=2)
    looks: list[float] = []
    loss = type(learner).validation_loss

    def noted(self, net, splits):
        value = loss(self, net, splits)
        looks.append(float(value.detach()))
        return value

    monkeypatch.setattr(type(learner), "validation_loss", noted)
    learner.fit([source], source.x)
    assert len(steps) == 25 * len(looks) < 1000
    with torch.no_grad():
        ended = float(loss(learner, learner.net, [source.validation]))
    assert ended == pytest.approx(min(looks))
    steps.clear()
    learner.adapt(of_chance("next"))  # which has validation rows, as an experience may
    assert len(steps) == 7, "the next experience trains too"


@pytest.mark.parametrize("inner_steps", [1, 3])
def test_learn2learn_validates_after_inner_steps_as_our_maml_does(inner_steps: int) -> None:
    pytest.importorskip("learn2learn")
    source, target = pair()
    options = {"steps": 2, "inner_steps": inner_steps}
    ours = OurMAML(CLASSES, generator("validates"), **options)
    theirs = MAML(CLASSES, generator("validates"), **options)
    for learner in (ours, theirs):
        learner.build([source])
    losses = [learner.validation_loss(learner.net, [target]) for learner in (ours, theirs)]
    assert float(losses[1]) == pytest.approx(float(losses[0]), rel=1e-5)
    plain = GradientMethod.validation_loss(ours, ours.net, [target])
    assert float(plain) != pytest.approx(float(losses[0]), rel=1e-3)


def test_synaptic_intelligence_of_avalanche_forgets_less_only_with_fresh_weights() -> None:
    pytest.importorskip("avalanche")
    from medtl_peers.with_avalanche import SynapticIntelligence  # noqa: PLC0415

    source, target = pair()
    kept = {}
    for fresh in (False, True):
        learner = SynapticIntelligence(
            CLASSES, generator("si"), steps=100, adapt_steps=100, weight=1e5, fresh_weights=fresh
        )
        learner.fit([source], source.x)
        before = torch.cat([p.detach().flatten() for p in learner.net.module.parameters()])
        learner.adapt(Split(target.x, 1 - target.y))
        kept[fresh] = float(
            (
                torch.cat([p.detach().flatten() for p in learner.net.module.parameters()]) - before
            ).norm()
        )
    assert kept[True] < 0.8 * kept[False]


def test_optimal_transport_moves_sources_onto_a_shifted_target() -> None:
    pytest.importorskip("skada")
    pytest.importorskip("ot")
    from medtl_peers.with_skada import OptimalTransport  # noqa: PLC0415

    draw = generator("transport")
    y = torch.arange(200) % 2
    source = Split(torch.randn(200, 2, generator=draw) * 0.3 + 2.0 * y[:, None], y)
    shifted = Split(source.x + torch.tensor([2.0, 2.0]), y)
    learner = OptimalTransport(CLASSES, generator("transport"))
    learner.fit([source], shifted.x)
    assert float((learner.predict(shifted.x).argmax(1) == y).float().mean()) > 0.9
