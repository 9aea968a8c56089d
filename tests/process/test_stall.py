"""A worker that stands still is passed over: at most a handful of clients notice."""

import os
import signal
import time

import clients

RATE_PER_S = 1000
STALL_S = 3
SLOW_MS = 500
AT_MOST_SLOW = 8


def test_a_stopped_worker_keeps_only_the_handful_that_it_had_and_nobody_else_is_slower(
    berth_run, steered, programs, start_load
):
    port = clients.free_port()
    run = berth_run(["-n", 4, "--", programs.hello, port], tier=steered)
    run.wait_listening(4)
    usual = start_load("--open", RATE_PER_S, "--seconds", 2, port)()
    load = start_load(
        "--open", RATE_PER_S, "--seconds", STALL_S + 2, "--slow-us", SLOW_MS * 1000, port
    )
    victim = run.workers()[3]
    clients.get_number(port)
    os.kill(victim, signal.SIGSTOP)
    # The stall is the matter itself: a worker that stands still for this long while clients
    # keep coming. Nothing happens at its end that could be waited for.
    time.sleep(STALL_S)
    os.kill(victim, signal.SIGCONT)
    figures = load()
    assert not clients.failures_of(figures)
    assert figures["slow"] <= AT_MOST_SLOW, figures
    usual_p99_us = usual["latency_us"]["p99"]
    assert figures["latency_us"]["p99"] < max(50_000, 3 * usual_p99_us), (usual, figures)
    shares = [figures["by_pid"].get(str(pid), 0) for pid in run.workers().values()]
    assert min(shares) > 0, "the worker came back to work once it went on"
    run.stop()
