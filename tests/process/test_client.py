"""`berth ps`, `berth scale` and `berth upgrade`, against the API over a made-up primary."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading

import pytest

import control

DONE, FAILED, USAGE, NOT_PERMITTED, ROLLED_BACK, NO_PRIMARY, DEADLINE = 0, 1, 2, 4, 6, 7, 124

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for two users")


@pytest.fixture
def directory(place):
    return place / "run"


@pytest.fixture
def stand(spawn, programs, directory):
    it = control.Stand(spawn, programs.control_stand, directory)
    assert it.said.startswith("at "), it.said
    return it


@pytest.fixture
def environment(directory):
    return {**os.environ, "BERTH_RUNTIME_DIR": str(directory)}


@pytest.fixture
def ask(berth, environment):
    """Runs a verb of berth to its end."""

    def call(*args, **kw):
        return berth(*args, env=environment, **kw)

    return call


@pytest.fixture
def upgrade(programs, environment, spawn):
    """Starts `berth upgrade`, to be watched step by step."""

    def start(*args):
        return spawn(
            [programs.berth, "upgrade", *args],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def program(place, name):
    path = place / name
    path.touch()
    return str(path)


# Which primary


ASKING = ["ps", "describe", "ports", "events", "events --follow", "start", "stop", "restart", "drain 1",
          "kill 1"]


@pytest.mark.parametrize(
    "verb", [["scale", "2"], ["upgrade"], *(each.split() for each in ASKING)], ids=" ".join
)
def test_where_nothing_runs_it_is_said_how_to_start_it(ask, verb):
    done = ask(*verb)
    assert done.returncode == NO_PRIMARY, done
    assert "start one with berth run -- COMMAND" in done.stderr
    done = ask(*verb, "--name", "web")
    assert done.returncode == NO_PRIMARY, done
    assert "start one with berth run --name web -- COMMAND" in done.stderr


@needs_root
@pytest.mark.parametrize("verb", [["ps"], ["scale", "2"], ["upgrade"]], ids=" ".join)
def test_a_user_without_a_directory_for_sockets_is_told_of_it(berth, environment, verb):
    bare = {k: v for k, v in environment.items() if not k.endswith("RUNTIME_DIR")}
    done = berth(*verb, user="nobody", env=bare)
    assert done.returncode == NO_PRIMARY, done
    assert "neither BERTH_RUNTIME_DIR nor XDG_RUNTIME_DIR names a directory" in done.stderr
    done = berth(*verb, user="nobody", env={**bare, "XDG_RUNTIME_DIR": "/nowhere"})
    assert done.returncode == NO_PRIMARY, done
    assert "start one with berth run" in done.stderr


def test_what_was_left_behind_is_not_taken_for_a_primary(stand, ask):
    stand.process.kill()
    stand.process.wait()
    assert os.path.exists(stand.path)
    assert ask("ps").returncode == NO_PRIMARY


def test_of_several_one_must_be_named(spawn, programs, directory, stand, ask):
    assert control.Stand(spawn, programs.control_stand, directory, "api").said != "EADDRINUSE"
    done = ask("ps")
    assert done.returncode == USAGE, done
    assert set(done.stderr.split(":")[-1].split()) == {"api", "web"}
    done = ask("ps", "--name", "api", "--json")
    assert json.loads(done.stdout)["name"] == "api"


def test_a_second_one_of_the_same_name_has_no_socket(spawn, programs, directory, stand):
    assert control.Stand(spawn, programs.control_stand, directory).said == "EADDRINUSE"
    assert stand.get("/v1/app")[0] == 200


@needs_root
def test_what_another_user_runs_is_refused(stand, ask):
    os.chmod(os.path.dirname(stand.path), 0o755)
    done = ask("ps", user="nobody")
    assert done.returncode == NOT_PERMITTED, done
    assert done.stderr == "berth ps: this berth is another user's\n"


@needs_root
def test_what_another_user_runs_is_refused_also_where_the_file_lets_it_in(stand, ask):
    os.chmod(os.path.dirname(stand.path), 0o755)
    os.chmod(stand.path, 0o666)
    done = ask("stop", user="nobody")
    assert done.returncode == NOT_PERMITTED, done
    assert done.stderr == "berth stop: this berth is another user's\n"


def _answer_all(server, answers):
    """Answers a request each, on a connection each, and is dead then: its file stays."""
    for answer in answers:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            body = json.dumps(answer).encode()
            head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            connection.sendall(head % len(body) + body)
    server.close()


def test_a_reload_whose_berth_has_died_with_its_keeper_ends_at_once(directory, ask):
    directory.mkdir(mode=0o700)
    running = {"id": 1, "state": "running", "message": "", "has_next": False, "steps": []}
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(directory / "web.sock"))
    server.listen()
    dying = threading.Thread(target=_answer_all, args=(server, [{"reload": 1}, running]))
    dying.start()
    done = ask("reload", timeout_s=10)
    dying.join()
    assert done.returncode == NO_PRIMARY, done
    assert "berth has died in the middle" in done.stderr and "berth why" in done.stderr


def test_what_is_no_primary_is_told(directory, ask):
    directory.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(directory / "web.sock"))
        server.listen()

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 smtp.example ESMTP\r\n")

        stranger = threading.Thread(target=answer)
        stranger.start()
        done = ask("ps")
        stranger.join()
    assert done.returncode == FAILED, done
    assert done.stderr == "berth ps: what answers there is no primary\n"


# What asks, and signals


def test_a_signal_is_sent_by_slot_and_name(stand, ask):
    done = ask("kill", "web.2", "USR1", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        DONE,
        {"slot": 2, "pid": 1002, "signal": signal.SIGUSR1},
    )
    assert stand.line() == "kill 2 with 10"
    assert ask("kill", "1").stdout == "slot 1: signal 15 is sent to pid 1001\n"
    assert stand.line() == "kill 1 with 15"
    done = ask("kill", "100")
    assert (done.returncode, done.stderr) == (USAGE, "berth kill: There is no slot 100.\n")


@pytest.mark.parametrize(
    "args",
    [["kill"], ["kill", "x"], ["kill", "0"], ["kill", "1", "NONE"], ["kill", "1", "2", "3"],
     ["kill", "--name", "api", "web.1"], ["restart", "web.1", "api.2"], ["restart", "1001"],
     ["events", "--after", "-1"], ["stop", "a", "b"], ["stop", "--timeout", "soon"]],
    ids=" ".join,
)
def test_what_is_no_slot_signal_or_number_is_refused_before_anybody_is_asked(ask, args):
    done = ask(*args)
    assert (done.returncode, done.stdout) == (USAGE, "")


def test_ps_drain_lists_the_connections_that_hold_who_leaves(stand, ask):
    done = ask("ps", "--drain")
    assert done.returncode == DONE, done
    assert done.stdout.splitlines()[1].split() == [
        "2", "1002", "127.0.0.1:40000", "127.0.0.1:8000", "idle", "1", "s", "70", "4096",
    ]
    assert json.loads(ask("ps", "--drain", "--json").stdout)["total"] == 1


def test_describe_is_one_answer_of_many(stand, ask):
    done = ask("describe", "--json")
    assert done.returncode == DONE, done
    whole = json.loads(done.stdout)
    assert whole["app"]["name"] == "web"
    assert whole["connections"][0]["peer"] == "127.0.0.1:40000"
    assert "OPERATION" in ask("describe").stdout


def test_stop_waits_until_nobody_answers_there(stand, ask):
    done = ask("stop", "--now")
    assert (done.returncode, done.stdout) == (DONE, "web has stopped\n"), done
    assert stand.line() == "stop now"
    assert not os.path.exists(stand.path)
    assert ask("stop").returncode == NO_PRIMARY


def test_start_tells_that_it_runs(stand, ask):
    done = ask("start")
    assert (done.returncode, done.stdout) == (DONE, "web runs: see berth ps\n")


def test_a_restart_that_is_not_seen_to_end_has_a_deadline(stand, ask):
    done = ask("restart", "2", "--timeout", "300ms")
    assert done.returncode == DEADLINE, done
    assert "it is not done in time, and goes on" in done.stderr


def test_events_are_lines_and_end_when_berth_does(stand, environment, programs, spawn):
    follower = spawn(
        [programs.berth, "events", "--follow", "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )

    def hundred():
        stand.post("/v1/restart", {"slots": [1]})
        return [json.loads(follower.stdout.readline())["number"] for _ in range(100)]

    assert hundred() == list(range(1, 101))
    assert hundred() == list(range(101, 201))
    assert stand.stop() == 0
    assert follower.wait(20) == NO_PRIMARY
    assert follower.stderr.read() == "berth events: berth has ended\n"


# ps and scale


def test_ps_shows_berths_with_their_state_and_workers_by_slot(stand, ask, directory):
    app = stand.get("/v1/app")[2]
    (port,) = app["ports"]
    port["berths"] = [{"slot": s, "steered": n, "migrated_in": 0, "state": state}
                      for s, n, state in [(2, 20, "open"), (10, 100, "open"), (1, 11, "held"),
                                          (2, 21, "held"), (1, 10, "open")]]  # fmt: skip
    app["slots"] = [{**app["slots"][0], "slot": s, "pid": s * 10 + (role != "member"), "role": role}
                    for s, role in [(1, "member"), (2, "member"), (2, "leaving"), (1, "leaving")]]  # fmt: skip
    body = json.dumps(app).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(directory / "other.sock"))
        server.listen()

        def answer():
            with contextlib.suppress(ConnectionError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        if connection.recv(65536):  # else it only asked whether we live
                            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                            connection.sendall(head.encode() + body)
                            return

        primary = threading.Thread(target=answer)
        primary.start()
        done = ask("ps", "--name", "other")
        primary.join()
    assert done.returncode == DONE, done
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("127.0.0.1:8000")]
    assert [row[1:4] for row in rows] == [
        ["1", "held", "11"], ["1", "open", "10"], ["2", "open", "20"], ["2", "held", "21"],
        ["10", "open", "100"]
    ]  # fmt: skip
    workers = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("web.")]
    assert workers == [["web.1", "10"], ["web.2", "20"], ["web.1", "11"], ["web.2", "21"]]


def test_ps_shows_workers_and_ports(stand, ask):
    done = ask("ps")
    assert done.returncode == DONE, done
    lines = done.stdout.splitlines()
    assert lines[0] == "web: 2 workers wanted, generation 1, shared tier, since 2026-01-02T03:04:05Z"
    assert f"primary {stand.process.pid}" in lines[1]
    assert ["web.2", "1002", "ready", "1", "0", "1", "min"] in [line.split() for line in lines]
    assert ["127.0.0.1:8000", "1", "open", "17", "-", "-", "-", "3", "-"] in [line.split() for line in lines]


def test_ps_json_is_what_the_primary_said(stand, ask):
    done = ask("ps", "--json")
    assert done.returncode == DONE, done
    assert json.loads(done.stdout) == stand.get("/v1/app")[2]


def test_a_proxy_of_the_environment_is_not_asked(stand, berth, environment):
    proxied = {**environment, "http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
    assert berth("ps", env=proxied).returncode == DONE


@pytest.mark.parametrize(
    ("amount", "said", "n"), [("5", "to 5", 5), ("+3", "by 3", 5), ("-1", "by -1", 1)]
)
def test_scale_takes_a_number_or_a_change(stand, ask, amount, said, n):
    done = ask("scale", "--name", "web", amount)
    assert done.returncode == DONE, done
    assert done.stdout == (f"{n} workers are wanted\n" if n > 1 else "1 worker is wanted\n")
    assert stand.line().startswith(f"scale {said} ")


def test_scale_that_is_refused_says_why(stand, ask):
    done = ask("scale", "+100")
    assert done.returncode == USAGE, done
    assert done.stderr == "berth scale: 102 workers are \\xff not to be had.\n"


@pytest.mark.parametrize("amount", ["0", "x", "+", "--", "-0", "+-1", "1001", "1e1", ""])
def test_scale_wants_a_number_of_workers(ask, amount):
    done = ask("scale", amount)
    assert done.returncode == USAGE, done
    assert done.stderr.startswith("berth scale: "), done


@pytest.mark.parametrize(
    "arguments",
    [
        ["ps", "web", "api"],
        ["ps", "--frob"],
        ["ps", "-x"],
        ["ps", "--name"],
        ["ps", "--json=1"],
        ["ps", "--binary", "x"],
        ["ps", "--name", "../web"],
        ["scale"],
        ["scale", "1", "2"],
        ["scale", "-1", "2"],
        ["upgrade", "now"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_told(ask, arguments):
    done = ask(*arguments)
    assert done.returncode == USAGE, done
    assert done.stderr.startswith(f"berth {arguments[0]}: "), done
    assert not done.stdout, done


# upgrade


@pytest.mark.parametrize(
    ("name", "code", "last"),
    [("good", DONE, "done"), ("bad", ROLLED_BACK, "rolled-back: it did not take over")],
)
def test_an_upgrade_is_followed_while_nobody_is_there(stand, place, upgrade, name, code, last):
    binary = program(place, name)
    run = upgrade("--binary", binary)
    assert stand.line() == f"upgrade {binary}"
    assert run.stdout.readline().startswith("upgrade 1: running")
    stand.send(signal.SIGUSR1)
    assert stand.line() == "gone"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(stand.path)
        dead.listen()
        for _ in range(3):  # it comes again, whether it is cut off or refused
            dead.accept()[0].close()
        os.unlink(stand.path)
    stand.send(signal.SIGUSR2)
    out, err = run.communicate(timeout=20)
    assert run.returncode == code, (out, err)
    assert out.splitlines()[-1] == f"upgrade 1: {last}"


def test_each_step_of_an_upgrade_is_a_line_of_json(stand, upgrade):
    run = upgrade("--json")
    assert stand.line() == "upgrade itself"
    steps = [json.loads(run.stdout.readline())]
    stand.send(signal.SIGUSR1)
    assert stand.line() == "gone"
    stand.send(signal.SIGUSR2)
    out, err = run.communicate(timeout=20)
    steps += map(json.loads, out.splitlines())
    assert run.returncode == DONE, err
    assert [step["state"] for step in steps] == ["running", "done"]


def test_an_upgrade_that_is_refused_says_why(stand, place, ask):
    done = ask("upgrade", "--binary", program(place, "refused"))
    assert done.returncode == ROLLED_BACK, done
    assert done.stderr == "berth upgrade: That is no berth.\n"


def test_a_program_that_is_not_there_is_told_at_once(stand, ask):
    done = ask("upgrade", "--binary", "/nonexistent")
    assert done.returncode == FAILED, done
    assert done.stderr == "berth upgrade: /nonexistent: No such file or directory\n"


def test_a_successor_that_knows_of_no_upgrade_is_told(stand, spawn, programs, directory, upgrade):
    run = upgrade()
    assert run.stdout.readline().startswith("upgrade 1: running")
    stand.send(signal.SIGUSR1)
    assert [stand.line() for _ in range(2)] == ["upgrade itself", "gone"]
    assert control.Stand(spawn, programs.control_stand, directory).said == f"at {stand.path}"
    _, err = run.communicate(timeout=20)
    assert run.returncode == FAILED
    assert "does not know of upgrade 1" in err


@pytest.mark.slow
def test_an_upgrade_that_is_not_heard_of_again_is_given_up(stand, upgrade):
    run = upgrade()
    assert run.stdout.readline().startswith("upgrade 1: running")
    stand.send(signal.SIGUSR1)
    assert [stand.line() for _ in range(2)] == ["upgrade itself", "gone"]
    _, err = run.communicate(timeout=30)
    assert run.returncode == DEADLINE
    assert "nothing has been heard of upgrade 1 for 15 s" in err
