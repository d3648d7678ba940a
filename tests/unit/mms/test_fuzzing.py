"""Every parser takes some thousands of damaged inputs, and the frame that throws them sees what it must.

A million each: ``python -m scripts.fuzz_parsers --inputs 1000000``.
"""

import pytest
from scripts import fuzzing
from scripts.fuzz_changes import ROWS, flip
from scripts.fuzz_parsers import PARSERS
from scripts.fuzzing import Parser, made, run, shrunk

INPUTS = 600


class RefusedError(Exception):
    pass


def parser(read, *seeds, changes=(flip,)):
    return Parser("p", read, RefusedError, seeds or (b"100,200\r\n300,400\r\n",), changes)


def thrown(at, count=50):
    told = []
    return run(at, 1, range(count), told.append), told


@pytest.mark.parametrize("name", PARSERS)
def test_nothing_but_a_result_or_a_refusal_comes_out(name):
    figures, told = thrown(PARSERS[name], INPUTS)

    assert (told, figures.failed, figures.inputs) == ([], 0, INPUTS)
    assert 0 < figures.accepted < INPUTS
    assert len(figures.causes) > 5


def test_each_input_can_be_made_again():
    for at in PARSERS.values():
        assert [made(at, 3, number) for number in range(50)] == [made(at, 3, number) for number in range(50)]
        assert len({made(at, 3, number) for number in range(50)}) > 20


def test_another_error_than_the_declared_one_fails_with_its_input_made_small():
    def reads(body):
        if b"4" in body:
            raise KeyError("4")

    figures, told = thrown(parser(reads))

    assert figures.failed > 0
    assert "input 0 of seed 1: KeyError" in told[0]
    assert told[0].endswith("b'4'")
    assert shrunk(parser(reads), b"1" * 1_000 + b"4" + b"2" * 999, "KeyError: '4'") == b"4"


def test_a_refusal_is_counted_by_its_cause_without_its_numbers():
    def reads(body):
        raise RefusedError(f"{len(body)} bytes")

    figures, told = thrown(parser(reads, changes=ROWS))

    assert (figures.causes, told) == ({"# bytes": 50}, [])


def test_an_input_that_takes_too_long_is_ended_even_where_every_error_is_caught(monkeypatch):
    monkeypatch.setattr(fuzzing, "SECONDS_EACH", 0.02)

    def reads(_body):
        while True:
            try:
                sum(range(1_000))
            except Exception as error:
                raise RefusedError from error

    figures, told = thrown(parser(reads, b"1", changes=(lambda body, _luck: body,)), 1)

    assert figures.failed == 1
    assert "TooLong" in told[0]


def test_growth_beyond_the_bound_fails(monkeypatch):
    monkeypatch.setattr(fuzzing, "WARM", 1)
    monkeypatch.setattr(fuzzing, "MOST_GROWTH_MB", 16)
    sizes = iter(range(1_000, 100_000))
    monkeypatch.setattr(fuzzing, "peak_mb", lambda: float(next(sizes)))

    figures, told = thrown(parser(len), 60)

    assert figures.failed in (2, 3)
    assert "it grew by 17 MB" in told[0]
