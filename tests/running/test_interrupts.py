"""Signals: the first raises, but not inside a block that must not be cut; later ones wait."""

import os
import signal
import time

import pytest

from medtl_bench.results.store import Store
from medtl_bench.running import interrupts
from medtl_bench.running.executors import inprocess
from medtl_bench.running.observers import Audience, Observer
from medtl_bench.running.run import Run


@pytest.fixture(autouse=True)
def _undisturbed_handlers():
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # xdist ignores it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def interrupted_twice(first, second):
    with interrupts.raised():
        try:
            signal.raise_signal(first)
        finally:
            time.sleep(0.001)
            signal.raise_signal(second)


def held(times, done):
    with interrupts.held():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(times)


@pytest.mark.parametrize("number", sorted(interrupts.SIGNALS))
def test_the_first_signal_raises_and_the_next_is_let_go(number):
    with pytest.raises(interrupts.Interrupted) as stop:
        interrupted_twice(number, signal.SIGINT)
    assert interrupts.exit_code(stop.value) == 128 + number


def test_a_signal_long_after_the_first_ends_the_process_at_once(monkeypatch):
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(interrupts, "CLEANING_SECONDS", 0.0)
    with pytest.raises(interrupts.Interrupted):
        interrupted_twice(signal.SIGINT, signal.SIGTERM)
    assert codes == [128 + signal.SIGTERM]


def test_an_ignored_signal_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupts.raised():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_handlers_are_put_back_where_nothing_came():
    before = signal.getsignal(signal.SIGTERM)
    with interrupts.raised():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_waits_for_the_end_of_a_block_and_a_second_one_does_not():
    done = []
    for times in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            held(times, done)
    assert done == [1]


class Interrupting(Observer):
    """Sends Ctrl-C when the first record is stored."""

    def __init__(self):
        self.number = 0

    def finished(self, record):
        self.number += 1
        if self.number == 1:
            signal.raise_signal(signal.SIGINT)


def test_all_trials_of_a_stack_that_has_ended_are_stored(planned, files, tmp_path):
    planning = planned(algorithms=["fine-tune"], seeds=3, protocols=["transfer"], stack=8)
    store = Store(tmp_path)
    audience = Audience({"interrupting": Interrupting()})
    run = Run(planning.planned, store, inprocess.run, files, audience=audience)
    with pytest.raises(KeyboardInterrupt):
        list(run)
    assert len(planning.planned) > 1
    assert len(store.read().records) == len(planning.planned)
