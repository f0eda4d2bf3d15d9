"""Each known effect names measures that the boards have, and says who found it."""

from medtl_effects import medtl_effects

from medtl_bench.board import stream, transfer
from medtl_bench.catalogue import discovery
from medtl_bench.metrics.formulas import AREA, AVERAGE, FORGETTING, LEARNING

MEASURES = {AREA, AVERAGE, FORGETTING, LEARNING}


def test_measures_are_those_of_the_boards():
    metrics = discovery.own().metrics
    for effect in medtl_effects():
        for term in effect.terms((*effect.higher, *effect.lower)):
            _, _, metric = term.measure.partition("target 0 ")
            known = term.measure in MEASURES or term.measure.startswith("target ")
            assert known or term.measure in metrics
            assert not metric or metric in metrics


def test_each_is_found_by_somebody_and_each_protocol_is_asked():
    effects = medtl_effects()
    assert all(effect.reference for effect in effects)
    assert {effect.protocol for effect in effects} == {"transfer", "stream"}
    readings = {*stream.BOARD.readings, *transfer.BOARD.readings}
    assert {reading.measure for reading in readings} & {effect.measure for effect in effects}
