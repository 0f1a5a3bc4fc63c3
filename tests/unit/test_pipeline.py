import threading

import pytest

from sandstone import pipeline


def test_items_come_in_order():
    with pipeline.Ahead(range(50), 3) as items:
        assert list(items) == list(range(50))


def test_no_more_is_made_ahead_than_allowed():
    made = []
    enough = threading.Event()

    def source():
        for number in range(20):
            made.append(number)
            if number == 3:
                enough.set()
            yield number

    with pipeline.Ahead(source(), 2) as items:
        next(items)
        assert enough.wait(10)
        assert made == [0, 1, 2, 3]  # one is read, two wait, one is in the maker's hand


def test_an_error_of_the_maker_reaches_the_reader_in_its_place():
    def source():
        yield 1
        raise ValueError("broken")

    with pipeline.Ahead(source(), 2) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_a_reader_that_stops_early_ends_the_maker():
    before = threading.active_count()
    with pipeline.Ahead(iter(int, 1), 2) as items:
        next(items)
    assert threading.active_count() == before


def test_all_is_written_in_order_before_the_end():
    written = []
    with pipeline.Behind(written.append, 2) as behind:
        for number in range(50):
            behind.put(number)
    assert written == list(range(50))


def test_an_error_of_the_writer_reaches_the_giver():
    def write(number):
        raise OSError("no room")

    def give():
        with pipeline.Behind(write, 1) as behind:
            for number in range(100):
                behind.put(number)

    with pytest.raises(OSError, match="no room"):
        give()


def test_an_error_of_the_last_write_is_not_lost():
    def write(number):
        raise OSError("no room")

    def give():
        with pipeline.Behind(write, 4) as behind:
            behind.put(1)

    with pytest.raises(OSError, match="no room"):
        give()


def test_the_caller_s_own_error_is_raised_rather_than_the_writer_s():
    def write(number):
        raise OSError("no room")

    def give():
        with pipeline.Behind(write, 4) as behind:
            behind.put(1)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        give()
