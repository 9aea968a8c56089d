"""Many workers, and how fast a dead one is replaced."""

import os
import signal
import statistics
import time

import clients

N_MANY = 200


def test_200_workers_listen_within_2_s_of_each_other(berth_run, tier, programs):
    port = clients.free_port()
    run = berth_run(["-n", N_MANY, "--", programs.hello, port], tier=tier)
    lines = run.wait_listening(N_MANY, timeout_s=40)
    times = [line.at for line in lines]
    assert times[-1] - times[0] < 2, f"{times[-1] - times[0]} s"
    counts = clients.tally(port, 2 * N_MANY)
    if tier.is_steered:
        assert sorted(counts.values()) == [2] * N_MANY
    run.stop(timeout_s=40)


def first_answer_of_a_replacement_ms(run, port):
    """Kills the only worker and asks at once: who answers can only be its replacement."""
    victim = clients.get_number(port)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    answered_by = clients.get_number(port)
    took_ms = (time.monotonic() - began) * 1000
    assert answered_by != victim
    return took_ms


def test_the_replacement_of_a_dead_worker_answers_within_50_ms(berth_run, tier, programs):
    took_ms = []
    for _ in range(7):
        port = clients.free_port()
        run = berth_run(["-n", 1, "--", programs.hello, port], tier=tier)
        run.wait_listening(1)
        took_ms.append(first_answer_of_a_replacement_ms(run, port))
        run.stop()
    assert statistics.median(took_ms) < 50, took_ms
