"""Workers that die, that will not die, and the signals that an operator sends."""

import datetime
import os
import re
import signal
import time

import pytest

import procs
from berthrun import event

FAMILY = r"""
sleep 1000 &
setsid sleep 1000 &
setsid sh -c 'sleep 1000 & exit 0'
echo "family $BERTH_SLOT"
exec sleep 1000
"""
STUBBORN = "trap 'echo asked' TERM INT QUIT; echo armed; while :; do sleep 0.05; done"


def sh(script):
    return ["--", "sh", "-c", script]


def family_of(run, slot):
    """Every process of a worker, wherever it has moved to."""
    return [pid for pid in run.everything() if procs.slot_of(pid) == slot]


def whole_family_of(run, slot):
    """The four of them, when each has become what it is to be."""

    def all_asleep():
        family = family_of(run, slot)
        asleep = [pid for pid in family if procs.command_of(pid) == "sleep 1000"]
        return asleep if len(asleep) == len(family) == 4 else None

    return procs.wait_until(all_asleep, f"four processes in slot {slot}")


def said_pause_s(line):
    """The pause before the next worker, as berth's message says it."""
    said = re.search(r"starting again (?:at once|in ([0-9.]+) (m?s))$", line.fields["message"])
    assert said, line.text
    return float(said[1] or 0) / (1000 if said[2] == "ms" else 1)


def said_at(line):
    """When berth said it, by berth's own clock: a test that reads late changes nothing."""
    return datetime.datetime.fromisoformat(line.fields["ts"])


def test_a_worker_that_is_killed_is_replaced_in_its_slot_by_another_process(berth_run, tier):
    run = berth_run(["-n", 3, "--", "sleep", "1000"], tier=tier)
    before = run.wait_workers([1, 2, 3])
    since = run.n_lines()
    os.kill(before[2], signal.SIGKILL)
    run.wait_for(event("worker_exited", slot=2), since=since)
    run.wait_for(event("worker_started", slot=2), since=since)
    after = run.wait_workers([1, 2, 3])
    assert after[2] != before[2]
    assert {after[1], after[3]} == {before[1], before[3]}
    run.stop()


def test_a_worker_that_always_fails_is_started_at_once_and_then_after_longer_and_longer_pauses(
    berth_run, tier
):
    run = berth_run(["-n", 1, *sh("exit 3")], tier=tier)
    started = run.wait_for(event("worker_started"), count=6)[1:]
    ended = run.matching(event("worker_exited"))[:5]
    said_s = [said_pause_s(line) for line in ended]
    assert said_s[0] == 0
    for doublings, pause_s in enumerate(said_s[1:]):
        longest_s = 0.1 * 2**doublings
        assert longest_s / 2 <= pause_s <= longest_s, said_s  # half of it is chance
    # A slow machine makes a pause longer, and nothing makes it shorter: how long all of them
    # may take is the deadline of wait_for(). The loop's clock is some milliseconds coarse.
    took_s = [(said_at(start) - said_at(end)).total_seconds() for start, end in zip(started, ended)]
    assert all(took >= 0.8 * said for took, said in zip(took_s, said_s)), (took_s, said_s)
    run.stop()


def test_a_failing_worker_does_not_disturb_the_others(berth_run, tier):
    run = berth_run(
        ["-n", 2, *sh('test "$BERTH_SLOT" = 1 && exit 1; exec sleep 1000')], tier=tier
    )
    run.wait_for(event("worker_started", slot=1), count=4)
    assert len(run.matching(event("worker_started", slot=2))) == 1
    run.stop()


def test_the_whole_process_tree_of_a_worker_is_ended_with_it(berth_run, tier):
    run = berth_run(["-n", 2, *sh(FAMILY)], tier=tier, json_lines=False)
    run.wait_for("family ", count=2)
    family = whole_family_of(run, 1)
    others = whole_family_of(run, 2)
    os.kill(run.workers()[1], signal.SIGKILL)
    for pid in family:
        procs.wait_until_gone(pid)
    run.wait_for("family 1", count=2)
    assert sorted(family_of(run, 2)) == sorted(others)
    run.stop()


def test_a_stop_ends_the_whole_process_tree_of_every_worker(berth_run, tier):
    run = berth_run(["-n", 3, *sh(FAMILY)], tier=tier, json_lines=False)
    run.wait_for("family ", count=3)
    run.stop()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_lets_workers_finish_what_they_do(berth_run, tier, sig):
    polite = "trap 'echo finished; exit 0' TERM; echo armed; while :; do sleep 0.05; done"
    run = berth_run(["-n", 2, *sh(polite)], tier=tier, json_lines=False)
    run.wait_for("armed", count=2)
    run.stop(sig=sig)
    assert len(run.matching("| finished")) == 2, run.output()


def test_the_stop_signal_is_the_one_that_was_asked_for(berth_run, tier):
    polite = "trap 'echo by-usr2; exit 0' USR2; echo armed; while :; do sleep 0.05; done"
    run = berth_run(["-n", 2, "--stop-signal", "USR2", *sh(polite)], tier=tier, json_lines=False)
    run.wait_for("armed", count=2)
    run.stop()
    assert len(run.matching("by-usr2")) == 2, run.output()


def test_a_worker_that_does_not_stop_in_time_is_killed(berth_run, tier):
    run = berth_run(["-n", 2, "--stop-timeout", "1", *sh(STUBBORN)], tier=tier, json_lines=False)
    run.wait_for("armed", count=2)
    began = time.monotonic()
    run.stop()
    took_s = time.monotonic() - began
    assert 0.95 <= took_s < 4, f"{took_s} s"
    assert len(run.matching("| asked")) == 2, run.output()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_means_now(berth_run, tier, second):
    run = berth_run(["-n", 2, "--stop-timeout", "60", *sh(STUBBORN)], tier=tier, json_lines=False)
    run.wait_for("armed", count=2)
    run.send(signal.SIGTERM)
    run.wait_for("| asked", count=2)
    began = time.monotonic()
    run.send(second)
    run.wait()
    assert time.monotonic() - began < 5
    run.assert_nothing_left()


def test_a_stop_during_a_back_off_does_not_wait_for_it(berth_run, tier):
    run = berth_run(["-n", 1, *sh("exit 3")], tier=tier)
    run.wait_for(event("worker_exited"), count=5)
    began = time.monotonic()
    run.stop()
    assert time.monotonic() - began < 1


def test_ttin_means_one_worker_more_and_ttou_one_worker_fewer(berth_run, tier):
    run = berth_run(["-n", 2, "--", "sleep", "1000"], tier=tier)
    run.wait_for(event("worker_started"), count=2)
    run.send(signal.SIGTTIN)
    run.wait_for(event("worker_started", slot=3))
    leaving = run.wait_workers([1, 2, 3])[3]
    since = run.n_lines()
    run.send(signal.SIGTTOU)
    run.wait_for(event("worker_stopped", slot=3), since=since)
    procs.wait_until_gone(leaving)
    run.wait_workers([1, 2])
    run.send(signal.SIGTTOU)
    run.wait_for(event("worker_stopped", slot=2), since=since)
    run.send(signal.SIGTTIN)
    run.wait_for(event("worker_started", slot=2), since=since)
    assert not run.matching(event("worker_started", slot=3), since=since)
    run.stop()


def test_the_last_worker_cannot_be_taken_away_by_ttou(berth_run):
    run = berth_run(["-n", 1, "--", "sleep", "1000"])
    only = run.wait_workers([1])[1]
    run.send(signal.SIGTTOU)
    run.wait_for("one worker only")
    run.send(signal.SIGTTIN)
    assert run.wait_workers([1, 2])[1] == only
    run.stop()


NOT_RUNNABLE = {
    "no_such_path": ("/nonexistent/program", 127),
    "no_such_command_in_the_path": ("berth-test-no-such-command", 127),
    "a_file_without_the_x_bit": ("{place}/file", 126),
    "a_directory": ("{place}", 126),
}


@pytest.mark.parametrize("what", NOT_RUNNABLE)
def test_a_command_that_cannot_be_run_ends_berth_at_once(berth_run, tier, place, what):
    command, code = NOT_RUNNABLE[what]
    command = command.format(place=place)
    (place / "file").write_text("#!/bin/sh\n")
    run = berth_run(["-n", 4, "--", command], tier=tier, json_lines=False)
    run.ends_with(code, timeout_s=3)
    assert command in run.output()
    assert len(run.matching(command)) <= 4, "a restart loop:\n" + run.output()


ORPHANS = """
for number in 1 2 3 4 5 6 7 8; do (sh -c 'echo orphan; exit 0' & exit 0); done
while :; do sleep 1000; done
"""


def all_orphans_are_reaped(berth_pid):
    commands = [procs.command_of(pid) for pid in procs.tree_of(berth_pid)]
    return all(command and not command.startswith("sh -c echo orphan") for command in commands)


def test_zombies_are_reaped_when_berth_is_pid_1(berth_run, steered):
    run = berth_run(
        ["-n", 2, *sh(ORPHANS)], tier=steered, json_lines=False,
        wrapper=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
    )
    run.wait_for("orphan", count=16)
    (berth_pid,) = procs.children_of(run.pid)
    procs.wait_until(lambda: all_orphans_are_reaped(berth_pid), "no zombie is left")
    os.kill(berth_pid, signal.SIGTERM)
    run.ends_with(0)


def test_orphans_of_a_worker_are_reaped_when_berth_is_no_pid_1(berth_run, tier):
    run = berth_run(["-n", 2, *sh(ORPHANS)], tier=tier, json_lines=False)
    run.wait_for("orphan", count=16)
    procs.wait_until(lambda: all_orphans_are_reaped(run.pid), "no zombie is left")
    run.stop()


USAGE_ERRORS = {
    "no_verb": [],
    "an_unknown_verb": ["sail"],
    "no_command": ["run", "-n", "2"],
    "no_command_after_the_dashes": ["run", "--"],
    "an_unknown_option": ["run", "--no-such-option", "--", "true"],
    "an_unknown_policy": ["run", "--policy", "fastest", "--", "true"],
    "an_unknown_mode": ["run", "--mode", "loud", "--", "true"],
    "an_unknown_signal": ["run", "--stop-signal", "SIGNOTHING", "--", "true"],
    "a_timeout_that_is_no_number": ["run", "--stop-timeout", "soon", "--", "true"],
    "a_name_that_is_none": ["run", "--name", "a b", "--", "true"],
    "a_port_that_is_none": ["run", "--listen", "65536", "--", "true"],
    "an_address_that_is_none": ["run", "--listen", "1.2.3:80", "--", "true"],
    "an_env_that_is_no_pair": ["run", "--env", "JUSTAKEY", "--", "true"],
}


@pytest.mark.parametrize("what", USAGE_ERRORS)
def test_a_wrong_command_line_is_exit_code_2_with_a_reason(berth, what):
    done = berth(*USAGE_ERRORS[what])
    assert done.returncode == 2, done
    assert done.stderr.strip() and not done.stdout.strip(), done


def test_steered_as_an_ordinary_user_fails_and_says_what_is_missing(berth, shared):
    done = berth("run", "--mode", "steered", "--", "sleep", "1000", user=shared.user)
    assert done.returncode == 4, done
    assert "CAP_BPF" in done.stderr or "CAP_NET_ADMIN" in done.stderr, done


@pytest.mark.parametrize("tier_name", ["steered", "shared"])
def test_the_first_line_of_output_says_which_tier_runs(berth_run, steered, shared, tier_name):
    user = shared.user if tier_name == "shared" else None
    run = berth_run(["-n", 1, "--", "sleep", "1000"], user=user, json_lines=False)
    run.wait_for(tier_name)
    assert tier_name in run.lines[0].text, run.output()
    run.stop()
