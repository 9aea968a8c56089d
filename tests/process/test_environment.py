"""What a worker finds in its arguments and in its environment, and how many workers there are."""

import os

import pytest

import clients
from berthrun import event

N_WORKERS = 3
SHOW = 'for word in "$@"; do echo "saw $BERTH_SLOT:$word"; done; exec sleep 1000'


def show_arguments(berth_run, words, options=(), **kw):
    return berth_run(
        ["-n", N_WORKERS, *options, "--", "sh", "-c", SHOW, "sh", *words], json_lines=False, **kw
    )


def show_variables(berth_run, names, options=(), n_workers=N_WORKERS, **kw):
    script = "; ".join(f'echo "{name}=${{{name}-unset}} in $BERTH_SLOT."' for name in names)
    return berth_run(
        ["-n", n_workers, *options, "--", "sh", "-c", f"{script}; exec sleep 1000"],
        json_lines=False, **kw,
    )


def test_slot_workers_and_sums_are_replaced_in_arguments(berth_run, tier):
    run = show_arguments(berth_run, ["a{slot}b", "{workers}", "{8000+slot}", "{slot}/{slot}"],
                         tier=tier)
    for slot in range(1, N_WORKERS + 1):
        for word in (f"a{slot}b", f"{N_WORKERS}", f"{8000 + slot}", f"{slot}/{slot}"):
            run.wait_for(f"saw {slot}:{word}")
    run.stop()


@pytest.mark.parametrize("word", ['{"key": 1}', "{print $1}", "{}", "{a,b}", "{slot", "slot}"])
def test_other_braces_in_arguments_stay_as_they_are(berth_run, word):
    run = show_arguments(berth_run, [word])
    run.wait_for(f"saw 1:{word}")
    run.stop()


def test_env_values_are_set_and_expanded_in_every_worker(berth_run, tier):
    options = ["--env", "PLAIN=a=b c", "--env", "ADMIN_PORT={9000+slot}"]
    run = show_variables(berth_run, ["PLAIN", "ADMIN_PORT"], options, tier=tier)
    for slot in range(1, N_WORKERS + 1):
        run.wait_for(f"PLAIN=a=b c in {slot}.")
        run.wait_for(f"ADMIN_PORT={9000 + slot} in {slot}.")
    run.stop()


def test_workers_are_told_their_app_slot_count_and_generation(berth_run, tier):
    names = ["BERTH_APP", "BERTH_SLOT", "BERTH_WORKERS", "BERTH_GENERATION", "NODE_APP_INSTANCE"]
    run = show_variables(berth_run, names, ["--name", "shop"], tier=tier)
    for slot in range(1, N_WORKERS + 1):
        run.wait_for(f"BERTH_APP=shop in {slot}.")
        run.wait_for(f"BERTH_SLOT={slot} in {slot}.")
        run.wait_for(f"BERTH_WORKERS={N_WORKERS} in {slot}.")
        run.wait_for(f"BERTH_GENERATION=1 in {slot}.")
        run.wait_for(f"NODE_APP_INSTANCE={slot - 1} in {slot}.")
    run.stop()


def test_port_is_the_number_of_the_first_listen_address(berth_run, tier):
    port = clients.free_port()
    run = show_variables(berth_run, ["PORT"], ["--listen", f"127.0.0.1:{port}"], tier=tier)
    run.wait_for(f"PORT={port} in 1.")
    run.stop()


def test_a_worker_keeps_the_environment_that_berth_was_started_with(berth_run):
    run = show_variables(berth_run, ["OLD"], env={"OLD": "kept"})
    run.wait_for("OLD=kept in 1.")
    run.stop()


def count_workers(run, n_workers):
    run.wait_for(event("worker_started"), count=n_workers)
    run.wait_workers(range(1, n_workers + 1))
    run.stop()


def test_web_concurrency_is_the_default_number_of_workers(berth_run):
    run = berth_run(["--", "sleep", "1000"], env={"WEB_CONCURRENCY": "3"})
    count_workers(run, 3)


def test_n_is_stronger_than_web_concurrency(berth_run):
    run = berth_run(["-n", 2, "--", "sleep", "1000"], env={"WEB_CONCURRENCY": "3"})
    count_workers(run, 2)


def test_n_auto_is_the_number_of_cpus_that_berth_may_use(berth_run):
    run = berth_run(
        ["-n", "auto", "--", "sleep", "1000"], wrapper=["taskset", "-c", min_cpu()]
    )
    count_workers(run, 1)


def min_cpu():
    return min(os.sched_getaffinity(0))


@pytest.mark.parametrize("value", ["0", "-1", "1001", "four", ""])
def test_a_number_of_workers_that_cannot_be_is_a_usage_error(berth, value):
    assert berth("run", "-n", value, "--", "sleep", "1000").returncode == 2
