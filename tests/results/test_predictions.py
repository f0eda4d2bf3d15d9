"""What was predicted comes back as it was, from a file that is no pickle; damage is told."""

import numpy as np
import pytest
from safetensors.numpy import save

from medtl_bench.errors import IntegrityError
from medtl_bench.results import predictions
from medtl_bench.results.places import Place
from medtl_bench.results.predictions import Prediction

HALF = Prediction(Place("adapt", "b", 5, 0, "b"), "test", np.array([3, 1]), np.ones((2, 3), "f4"))
MASKS = Prediction(Place("fit", domain="a"), "val", np.arange(2), np.zeros((2, 2, 4, 4)))


def test_what_was_predicted_comes_back(tmp_path):
    file = predictions.path(tmp_path, "k1")
    predictions.write(file, "k1", [HALF, MASKS])
    for before, after in zip([HALF, MASKS], predictions.read(file, "k1"), strict=True):
        assert (after.place, after.split) == (before.place, before.split)
        assert (after.rows == before.rows).all()
        assert (after.outputs.dtype, after.outputs.tolist()) == (
            before.outputs.dtype,
            before.outputs.tolist(),
        )
    assert [path.name for path in file.parent.iterdir()] == ["k1.safetensors"]


def test_another_file_than_that_of_the_record_is_told_with_both_digests(tmp_path):
    file = predictions.path(tmp_path, "k1")
    first = predictions.write(file, "k1", [HALF])
    assert len(predictions.read(file, "k1", first)) == 1
    second = predictions.write(file, "k1", [MASKS])
    with pytest.raises(IntegrityError, match=f"k1.safetensors: it was .*{second}.*says {first}"):
        predictions.read(file, "k1", first)
    assert len(predictions.read(file, "k1")) == 1


def test_nothing_predicted_is_a_file_too(tmp_path):
    predictions.write(predictions.path(tmp_path, "k1"), "k1", [])
    assert predictions.read(predictions.path(tmp_path, "k1"), "k1") == []


DAMAGE = {
    "cut": lambda content: content[:-5],
    "no safetensors": lambda content: b"\x80\x04nonsense",
    "empty": lambda content: b"",
    "without a head": lambda content: save({"outputs 0": np.ones(2)}),
    "of more than it holds": lambda content: save({}, {"key": "k1", "asked": "[[1, 2]]"}),
    "of other rows": lambda content: save(
        {"rows 0": np.ones(3), "outputs 0": np.ones(2)},
        {"key": "k1", "asked": '[["fit", null, null, null, "a", "test"]]'},
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told(kind, tmp_path):
    file = predictions.path(tmp_path, "k1")
    predictions.write(file, "k1", [HALF])
    file.write_bytes(DAMAGE[kind](file.read_bytes()))
    with pytest.raises(IntegrityError, match=r"k1.safetensors: it is damaged"):
        predictions.read(file, "k1")


def test_what_is_of_another_trial_or_a_link_is_refused(tmp_path):
    file, link = predictions.path(tmp_path, "k1"), predictions.path(tmp_path, "k2")
    predictions.write(file, "k1", [HALF])
    link.write_bytes(file.read_bytes())
    with pytest.raises(IntegrityError, match="it is of the trial k1"):
        predictions.read(link, "k2")
    link.unlink()
    link.symlink_to(file)
    with pytest.raises(IntegrityError, match="no regular file"):
        predictions.read(link, "k2")
