import threading

import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from sksearch.optimizers.threads import one_thread


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def set_blas_threads(numbers):
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers

    def set_all():
        for library, number in zip(libraries, numbers, strict=True):
            library.set_num_threads(number)

    # The thread that sets a limit is the only one that may, as long as it lives.
    thread = threading.Thread(target=set_all)
    thread.start()
    thread.join()


@pytest.fixture
def two_threads():
    before = blas_threads()
    set_blas_threads([2] * len(before))
    yield blas_threads()
    set_blas_threads(before)


def test_blas_has_one_thread_inside_and_as_many_as_before_afterwards(two_threads):
    assert two_threads
    with one_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == two_threads
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert blas_threads() == two_threads


def test_it_can_be_entered_again(two_threads):
    with one_thread():
        with one_thread():
            pass
        assert set(blas_threads()) == {1}
    assert blas_threads() == two_threads


@pytest.mark.parametrize("first_leaves_last", [True, False])
def test_after_two_searches_in_threads_there_is_no_limit(two_threads, first_leaves_last):
    inside, may_leave = threading.Event(), threading.Event()

    def other():
        with one_thread():
            inside.set()
            may_leave.wait(60)

    thread = threading.Thread(target=other)
    if first_leaves_last:
        thread.start()
        assert inside.wait(60)
        with one_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    else:
        with one_thread():
            thread.start()
            assert inside.wait(60)
    may_leave.set()
    thread.join()
    assert blas_threads() == two_threads


def test_other_threads_may_set_limits_afterwards():
    with one_thread():
        pass
    seen = []

    def other():
        with threadpool_limits(2, "blas"):
            seen.extend(blas_threads())

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert set(seen) == {2}
