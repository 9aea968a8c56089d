"""Workers that close their listening socket and bind the same port again, under load."""

import re

import pytest

import apps
import clients

N_WORKERS = 4
N_TIMES = 1000
HOLDER = """
import socket, sys
sock = socket.socket()
sock.bind(("0.0.0.0", int(sys.argv[1])))
sock.listen()
print("bound", flush=True)
sys.stdin.read()
"""


def relisten(berth_run, tier, programs, port, pace):
    return berth_run(
        ["-n", N_WORKERS, "--", programs.relisten, *pace, "--times", N_TIMES, port],
        tier=tier, json_lines=False,
    )


def assert_relistened(run, since=0):
    """All workers did, the port was theirs each time, and nothing else was complained of."""
    ends = run.wait_for("relistened ", count=N_WORKERS, since=since, timeout_s=50)
    assert all(f"relistened {N_TIMES} times" in line.text for line in ends)
    complaint = re.compile(r"\| (bind|listen|port|socket): ")
    wrong = run.matching(lambda line: complaint.search(line.text), since)
    assert not wrong, wrong


PACES = {"every_millisecond": ["--every-ms", 1], "after_every_client": ["--every-connections", 1]}


@pytest.mark.slow
@pytest.mark.parametrize("pace", PACES)
def test_four_workers_listen_again_1000_times_each_and_no_client_notices(
    berth_run, tier, programs, start_load, pace
):
    port = clients.free_port()
    run = relisten(berth_run, tier, programs, port, PACES[pace])
    run.wait_for(f"listens on port {port}", count=N_WORKERS)
    load = start_load("--closed", 4, "--seconds", 60, port)
    assert_relistened(run)
    figures = load.stop()
    assert not clients.failures_of(figures)
    assert figures["ok"] > N_TIMES
    assert len(figures["by_pid"]) == N_WORKERS
    run.stop()


def test_a_worker_whose_first_bind_failed_listens_again_once_the_stranger_has_gone(
    berth_run, tier, programs, spawn, start_load
):
    port = clients.free_port()
    stranger = spawn([apps.PYTHON, "-c", HOLDER, port], stdin=-1, stdout=-1)
    assert stranger.stdout.readline()
    run = relisten(berth_run, tier, programs, port, ["--every-ms", 1])
    for slot in range(1, N_WORKERS + 1):
        run.wait_for(lambda line, slot=slot: re.search(
            rf"\.{slot} +\| bind: EADDRINUSE", line.text
        ))
    assert not run.matching("listens on")
    stranger.stdin.close()
    stranger.wait()
    since = run.n_lines()
    run.wait_for(f"listens on port {port}", count=N_WORKERS)
    load = start_load("--closed", 2, "--seconds", 60, port)
    run.wait_for("relistened ", count=N_WORKERS, timeout_s=50)
    figures = load.stop()
    assert not clients.failures_of(figures)
    assert not run.matching("instead of", since)
    assert not [
        line for line in run.matching("| bind: ", since)
        if line.at > run.matching("listens on")[-1].at
    ]
    run.stop()
