"""Any server, four workers: 400 connections one after another, exactly 100 each."""

import pytest

import apps
import clients

N_WORKERS = 4
N_REQUESTS = 400


def serve(berth_run, tier, command):
    run = berth_run(["-n", N_WORKERS, "--", *command], tier=tier)
    run.wait_listening(N_WORKERS, timeout_s=40)
    return run


@pytest.mark.parametrize("app", apps.ALL, ids=lambda app: app.__name__)
def test_four_workers_of_any_server_get_exactly_a_quarter_of_the_connections_each(
    berth_run, steered, programs, place, app
):
    port = clients.free_port()
    run = serve(berth_run, steered, app(programs, place, port))
    counts = clients.tally(port, N_REQUESTS)
    assert sorted(counts.values()) == [N_REQUESTS // N_WORKERS] * N_WORKERS, counts
    run.stop()


@pytest.mark.parametrize("app", apps.ALL, ids=lambda app: app.__name__)
def test_an_ordinary_user_shares_a_port_between_four_workers_of_any_server(
    berth_run, shared, programs, place, app
):
    port = clients.free_port()
    run = serve(berth_run, shared, app(programs, place, port))
    assert clients.tally(port, 100).total() == 100
    run.stop()


def test_the_shared_tier_serves_root_too(berth_run, programs):
    port = clients.free_port()
    run = berth_run(["-n", N_WORKERS, "--mode", "shared", "--", programs.hello, port])
    run.wait_listening(N_WORKERS)
    assert set(clients.tally(port, 100)) <= set(run.workers().values())
    run.stop()


@pytest.mark.parametrize("policy", ["random-two", "hash"])
def test_the_policies_of_chance_let_every_worker_have_a_fair_part(
    berth_run, steered, programs, policy
):
    port = clients.free_port()
    run = berth_run(
        ["-n", N_WORKERS, "--policy", policy, "--", programs.hello, port], tier=steered
    )
    run.wait_listening(N_WORKERS)
    counts = clients.tally(port, N_REQUESTS)
    assert len(counts) == N_WORKERS and min(counts.values()) > 50, counts
    run.stop()
