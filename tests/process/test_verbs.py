"""`berth stop`, `restart`, `kill`, `events` and their like, on a berth that runs."""

import json
import os
import signal
import socket
import subprocess

import clients
import control
import procs
import pytest
from berthrun import event
from family import Family

N_WORKERS = 2
FAILED, USAGE, NO_PRIMARY, DEADLINE = 1, 2, 7, 124


class Web:
    """A server under berth, and berth's verbs to ask it with."""

    def __init__(self, run, port, programs, spawn):
        self.run = run
        self.port = port
        self.family = Family(run)
        self._programs = programs
        self._spawn = spawn
        self.place = procs.environ_of(run.pid)["BERTH_RUNTIME_DIR"]

    def start(self, *args):
        return self._spawn(
            [self._programs.berth, *map(str, args)],
            env={**os.environ, "BERTH_RUNTIME_DIR": self.place},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def ask(self, *args):
        verb = self.start(*args)
        out, err = verb.communicate(timeout=30)
        return subprocess.CompletedProcess(args, verb.returncode, out, err)

    def get(self, target):
        return control.request(self.socket(), "GET", target)[2]

    def socket(self):
        names = [name for name in os.listdir(self.place) if name.endswith(".sock")]
        return os.path.join(self.place, names[0])


@pytest.fixture
def web(berth_run, programs, spawn, tier):
    port = clients.free_port()
    run = berth_run(["-n", N_WORKERS, "--", programs.hello, port], tier=tier)
    run.wait_for(event("app_ready"))
    return Web(run, port, programs, spawn)


def test_stop_ends_when_all_has_ended(web):
    done = web.ask("stop")
    assert done.returncode == 0, done
    assert done.stdout == "hello has stopped\n"
    assert web.run.process.wait(1) == 0
    with socket.socket() as sock:  # the port is free at once
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", web.port))
    web.run.ends_with(0)
    done = web.ask("stop")
    assert done.returncode == NO_PRIMARY and "start one with berth run" in done.stderr


def test_stop_now_does_not_wait_for_workers(berth_run, programs, spawn, tier):
    shell = "trap '' TERM; echo deaf; while :; do sleep 1; done"
    run = berth_run(["--name", "deaf", "-n", 1, "--", "sh", "-c", shell], tier=tier)
    run.wait_for("deaf")
    web = Web(run, 0, programs, spawn)
    done = web.ask("stop", "--timeout", "300ms")
    assert done.returncode == DEADLINE, done
    assert web.ask("stop", "deaf", "--now").returncode == 0
    run.ends_with(0)


def test_restart_replaces_every_worker_and_the_port_stays_claimed(web):
    before = web.family.wait_whole(N_WORKERS)
    done = web.ask("restart")
    assert done.returncode == 0, done
    after = web.family.wait_whole(N_WORKERS)
    assert not set(before.values()) & set(after.values())
    assert clients.get_number(web.port) in after.values()
    web.family.end()


def test_restart_of_one_slot_leaves_the_others(web):
    before = web.family.wait_whole(N_WORKERS)
    done = web.ask("restart", "hello.2", "--json")
    assert done.returncode == 0, done
    after = web.family.wait_whole(N_WORKERS)
    assert json.loads(done.stdout)["pid"] == after[2] != before[2]
    assert after[1] == before[1]
    done = web.ask("restart", "3")
    assert (done.returncode, done.stderr) == (USAGE, "berth restart: there are slots 1 to 2 only\n")
    web.family.end()


def test_a_restart_of_what_does_not_come_up_again_is_told(berth_run, programs, place, spawn, tier):
    flag = place / "broken"
    port = clients.free_port()
    shell = f"[ ! -e {flag} ] || exit 3; exec {programs.hello} {port}"
    run = berth_run(["--name", "web", "-n", 1, "--", "sh", "-c", shell], tier=tier)
    run.wait_for(event("app_ready"))
    flag.touch()
    done = Web(run, port, programs, spawn).ask("restart", "web.1")
    assert done.returncode == FAILED, done
    assert "the new worker of slot 1 has ended" in done.stderr
    flag.unlink()
    run.wait_listening(1, since=len(run.lines) - 1)
    run.stop()


def test_a_restart_goes_on_when_its_primary_is_killed(web):
    before = web.family.wait_whole(N_WORKERS)
    restart = web.start("restart")
    # By then the command has its answer, and looks how far it is.
    web.run.wait_for(event("worker_stopped"))
    web.family.kill_primary()
    out, err = restart.communicate(timeout=30)
    assert restart.returncode == 0, (out, err)
    assert not set(before.values()) & set(web.family.wait_whole(N_WORKERS).values())
    web.family.end()


def test_a_signal_reaches_the_leader_in_its_slot(web):
    before = web.family.wait_whole(N_WORKERS)
    done = web.ask("kill", "2", "KILL")
    assert done.returncode == 0 and str(before[2]) in done.stdout, done
    procs.wait_until(lambda: web.family.workers().get(2) not in (None, [before[2]]), "another one")
    assert web.family.wait_whole(N_WORKERS)[1] == before[1]
    web.family.end()


def test_events_say_who_asked_for_what(web):
    scale = web.start("scale", "+1")
    assert scale.wait(20) == 0
    events = web.get("/v1/events")["events"]
    scaled = next(each for each in events if each["event"] == "scaled")
    uid = os.geteuid()
    assert scaled["asked_by"] == {"uid": uid, "pid": scale.pid}
    asked = next(each for each in events if each["event"] == "asked")
    assert asked["text"] == f"asked to scale to 3, by user {uid} (pid {scale.pid})"
    started = [each for each in events if each["event"] == "worker_started"]
    assert {each["worker"]["slot"] for each in started[:2]} == {1, 2}
    assert {each["app"] for each in events} == {started[0]["worker"]["app"]}
    assert "asked_by" not in started[0]
    done = web.ask("scale", "+1000")
    assert done.returncode == USAGE
    last = web.get("/v1/events")["events"][-1]
    assert (last["event"], last["level"]) == ("not_done", "warning")
    web.run.stop()


def test_numbers_of_events_go_on_over_the_death_of_a_primary(web):
    follower = web.start("events", "--follow", "--json")
    before = web.get("/v1/events")["events"]
    heard = [json.loads(follower.stdout.readline()) for _ in before]
    assert heard == before
    web.family.kill_primary()
    web.family.wait_whole(N_WORKERS)
    assert web.ask("scale", "+1").returncode == 0
    while heard[-1]["event"] != "scaled":
        heard.append(json.loads(follower.stdout.readline()))
    assert [each["number"] for each in heard] == list(range(1, len(heard) + 1))
    web.run.stop()
    assert follower.wait(20) == NO_PRIMARY
    follower.communicate()


def test_events_outlive_the_keeper_too(web):
    before = web.get("/v1/events")["last"]
    web.family.kill_keeper()
    web.family.kill_primary()
    web.family.wait_whole(N_WORKERS)
    events = web.get("/v1/events")["events"]
    assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    assert len(events) > before
    web.family.end()


def test_what_is_described_does_not_jitter_and_is_in_order(web):
    seen = [web.get("/v1/app") for _ in range(20)]
    assert len({each["started_at"] for each in seen}) == 1
    for _ in range(3):
        web.ask("restart", "1")
    for port in web.get("/v1/app")["ports"]:
        slots = [berth["slot"] for berth in port["berths"]]
        assert slots == sorted(slots)
    assert web.get("/v1/apps")["apps"][0]["name"] == "hello"
    assert web.get("/v1/generations")["generations"] == [
        {"number": 1, "state": "current", "workers": 2, "serving": 2}
    ]
    done = web.ask("describe")
    assert done.returncode == 0 and "GENERATION" in done.stdout
    web.run.stop()


def test_a_berth_has_its_queue(steered, berth_run, programs, spawn):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--", programs.hello, port], tier=steered)
    run.wait_for(event("app_ready"))
    web = Web(run, port, programs, spawn)
    for pid in web.family.wait_whole(2).values():
        os.kill(pid, signal.SIGSTOP)
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    berths = web.get("/v1/berths")["berths"]
    assert sum(each["queue"] for each in berths) == 4
    assert all(each["queue_limit"] > 0 and each["state"] == "open" for each in berths)
    for pid in web.family.workers().values():
        os.kill(pid[0], signal.SIGCONT)
    for sock in socks:
        sock.close()
    run.stop()


def test_a_reload_is_an_operation_and_a_draining_worker_has_connections(berth_run, programs, spawn, tier):
    port = clients.free_port()
    run = berth_run(["-n", 1, "--", programs.hello, port], tier=tier)
    run.wait_for(event("app_ready"))
    web = Web(run, port, programs, spawn)
    with socket.create_connection(("127.0.0.1", port)) as held:
        held.sendall(b"GET / HTTP/1.1\r\n")  # and never more: it is busy

        def connections():
            return web.get("/v1/connections")["connections"]

        reload = web.start("reload", "--timeout", "30s")
        found = procs.wait_until(connections, "the connection that holds it")
        assert found[0]["peer"].startswith("127.0.0.1:") and not found[0]["idle"]
        assert found[0]["bytes_in"] == 16
        operation = web.get("/v1/operations/reload-1")
        assert operation["kind"] == "reload" and not operation["is_over"]
        assert "1 connection" in web.ask("ps").stdout
        states = {each["number"]: each["state"] for each in web.get("/v1/generations")["generations"]}
        assert 2 in states
    reload.communicate(timeout=30)
    assert reload.returncode == 0
    assert web.get("/v1/operations/reload-1")["is_over"]
    assert web.get("/v1/operations")["operations"][0]["id"] == "reload-1"
    run.stop()


def test_ports_of_single_workers_are_shown(berth_run, programs, spawn, tier):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--unique", port, "--", programs.hello, port], tier=tier)
    run.wait_for(event("worker_unique_port"), count=2)
    web = Web(run, port, programs, spawn)
    unique = [each for each in web.get("/v1/ports")["ports"] if each["kind"] == "unique"]
    assert [(each["slot"], each["address"]) for each in unique] == [
        (1, str(port + 1)), (2, str(port + 2)),
    ]
    assert [str(port + 2), "unique", "2"] in [
        line.split() for line in web.ask("ports").stdout.splitlines()
    ]
    run.stop()


@pytest.mark.slow
def test_500_idle_and_50_slow_clients_do_not_hold_the_primary_up(web):
    before = web.family.wait_whole(N_WORKERS)
    idle = [control.connect(web.socket()) for _ in range(500)]
    slow = [control.connect(web.socket()) for _ in range(50)]
    for sock in slow:
        sock.sendall(b"POST /v1/kill HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
    for _ in range(5):
        assert web.ask("ps").returncode == 0
        os.kill(web.family.workers()[1][0], signal.SIGKILL)
        since = web.run.n_lines()
        web.run.wait_for(event("worker_listening"), timeout_s=2, since=since)
    assert web.family.wait_whole(N_WORKERS)[2] == before[2]
    for sock in idle + slow:
        sock.close()
    web.run.stop()
