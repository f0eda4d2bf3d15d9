"""Seeds depend on every part of an identity, and on nothing else."""

import os
import subprocess
import sys

import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl_bench.randomness import generator, seed_of

PART = st.text(max_size=8) | st.integers() | st.none()
IDENTITY = st.lists(PART, max_size=5).map(tuple)


@given(st.lists(IDENTITY, min_size=2, max_size=20, unique=True))
def test_distinct_identities_have_distinct_seeds(identities):
    assert len({seed_of(*identity) for identity in identities}) == len(identities)


def test_parts_do_not_run_into_each_other():
    assert (
        len(
            {
                seed_of("ab", "c"),
                seed_of("a", "bc"),
                seed_of("abc"),
                seed_of("a", "b", "c"),
                seed_of("1"),
                seed_of(1),
            }
        )
        == 6
    )


@given(IDENTITY)
def test_a_seed_fits_a_generator(identity):
    assert 0 <= seed_of(*identity) < 2**63
    generator(*identity)


def test_a_generator_depends_on_its_identity_alone():
    first = torch.rand(4, generator=generator("a", 1))
    torch.manual_seed(5)
    torch.rand(10)
    assert torch.equal(first, torch.rand(4, generator=generator("a", 1)))
    assert not torch.equal(first, torch.rand(4, generator=generator("a", 2)))


def test_seeds_are_the_same_in_every_process():
    code = (
        "from medtl_bench.randomness import seed_of; "
        "print(seed_of('learn', 'heart-disease', 'to-zurich', 3))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    }
    assert told == {f"{seed_of('learn', 'heart-disease', 'to-zurich', 3)}\n"}
