"""The control API: what it answers, to whom, and what no client can do to it."""

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import control
import procs

BODY_MAX = 64 * 1024
PROMPT_S = 2.0

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for two users")


@pytest.fixture
def stand(spawn, programs, place):
    it = control.Stand(spawn, programs.control_stand, place / "run")
    assert it.said.startswith("at "), it.said
    yield it
    assert it.stop() == 0


def assert_prompt(stand):
    began = time.monotonic()
    assert stand.get("/v1/app")[0] == 200
    assert time.monotonic() - began < PROMPT_S


def test_an_app_is_described(stand):
    status, headers, app = stand.get("/v1/app")
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert app["name"] == "web"
    assert app["primary_pid"] == stand.process.pid
    assert [slot["slot"] for slot in app["slots"]] == [1, 2]


def test_a_query_does_not_change_the_path(stand):
    assert stand.get("/v1/app?x=1")[0] == 200


def test_scale_says_how_many_are_wanted_and_who_asked(stand):
    status, _, answer = stand.post("/v1/app/scale", {"workers": 5})
    assert (status, answer) == (200, {"workers": 5})
    assert stand.line() == f"scale to 5 pid={os.getpid()} uid={os.geteuid()}"
    assert stand.post("/v1/app/scale", {"change": -2})[2] == {"workers": 3}
    assert stand.line().startswith("scale by -2 ")


def test_what_the_primary_refuses_has_its_reason(stand):
    status, _, answer = stand.post("/v1/app/scale", {"workers": 9})
    assert status == 422
    assert answer["error"] == {
        "code": "impossible",
        "message": "9 workers are \\xff not to be had.",
    }
    status, _, answer = stand.post("/v1/app/scale", {"workers": 8})
    assert status == 409
    assert answer["error"] == {"code": "busy", "message": "Device or resource busy"}


def test_an_upgrade_is_accepted_and_can_be_followed(stand):
    assert stand.get("/v1/upgrade")[2] == {"id": 0, "state": "none", "message": ""}
    status, _, answer = stand.post("/v1/upgrade")
    assert (status, answer) == (202, {"upgrade": 1})
    assert stand.line() == "upgrade itself"
    assert stand.get("/v1/upgrade")[2] == {"id": 1, "state": "running", "message": ""}
    assert stand.post("/v1/upgrade", {"binary": "/bin/true"})[2] == {"upgrade": 2}
    assert stand.line() == "upgrade /bin/true"


def test_the_api_tells_its_own_form(stand):
    status, _, document = stand.get("/v1/openapi.json")
    assert status == 200
    assert "/v1/app" in document["paths"]


@pytest.mark.parametrize("target", ["/", "/v1", "/v1/app/", "/v1/app/scale/x", "//v1/app", "/v1/App"])
def test_a_path_that_is_none_is_not_found(stand, target):
    status, _, answer = stand.get(target)
    assert status == 404
    assert answer["error"]["code"] == "not_found"


def test_a_method_that_a_path_lacks_is_told_with_those_that_it_has(stand):
    status, headers, answer = control.request(stand.path, "DELETE", "/v1/upgrade")
    assert status == 405
    assert headers["Allow"] == "HEAD, GET, POST"
    assert answer["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"workers": "2"}', b'{"workers": 2, "x": 1}', b"{}" * 9]
)
def test_a_body_that_is_not_understood_changes_nothing(stand, body):
    status, _, answer = stand.post("/v1/app/scale", body)
    assert status == 400
    assert answer["error"]["code"] == "bad_request"
    assert stand.get("/v1/app")[2]["workers"] == 2


def _leave_descriptors(stand, n):
    used = max(int(fd) for fd in os.listdir(f"/proc/{stand.process.pid}/fd")) + 1
    hard = resource.prlimit(stand.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(stand.process.pid, resource.RLIMIT_NOFILE, (used + n, hard))
    return used


def test_a_header_alone_can_be_asked_for(stand):
    connection = control.UnixConnection(stand.path)
    connection.request("HEAD", "/v1/app")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"
    connection.request("GET", "/v1/app")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_body_that_grows_too_long_is_refused_at_its_end(stand):
    parts = [b" " * BODY_MAX, b"{}"]
    connection = control.UnixConnection(stand.path)
    connection.request("POST", "/v1/app/scale", iter(parts), encode_chunked=True,
                       headers={"Transfer-Encoding": "chunked"})
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["code"] == "too_large"
    connection.request("POST", "/v1/app/scale", json.dumps({"workers": 3}))
    assert connection.getresponse().status == 200
    connection.close()


def _cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_who_holds_connections_takes_no_descriptors_from_others(stand):
    used = _leave_descriptors(stand, 20)
    idle = [control.connect(stand.path) for _ in range(100)]
    assert_prompt(stand)
    assert len(os.listdir(f"/proc/{stand.process.pid}/fd")) < used + 20
    for sock in idle:
        sock.close()
    assert_prompt(stand)


def test_it_answers_again_once_there_are_descriptors_again(stand):
    _leave_descriptors(stand, 0)
    waiting = control.connect(stand.path)
    waiting.sendall(b"GET /v1/app HTTP/1.1\r\nHost: x\r\n\r\n")
    began = _cpu_s(stand.process.pid)
    assert not select.select([waiting], [], [], 1.0)[0]
    assert _cpu_s(stand.process.pid) - began < 0.5, "it tries again and again at once"
    _leave_descriptors(stand, 20)
    assert select.select([waiting], [], [], control.DEADLINE_S)[0]
    assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")
    waiting.close()


def test_one_connection_serves_many_requests(stand):
    connection = control.UnixConnection(stand.path)
    for _ in range(300):
        connection.request("GET", "/v1/app")
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
    connection.close()


# Clients that do not behave


def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(stand):
    with control.connect(stand.path) as sock:
        sock.sendall(
            b"POST /v1/app/scale HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (BODY_MAX + 1)
        )
        answer = control.read_to_end(sock)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in answer


def test_the_largest_body_is_read(stand):
    body = b'{"workers": 3}'
    assert stand.post("/v1/app/scale", body + b" " * (BODY_MAX - len(body)))[0] == 200


def test_a_body_that_grows_too_large_ends_the_connection(stand):
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with control.connect(stand.path) as sock:
        sock.sendall(
            b"POST /v1/app/scale HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                sock.sendall(chunk)
        assert control.read_to_end(sock) == b""
    assert_prompt(stand)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/app HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /v1/app HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"\0" * 70_000,
    ],
    ids=["tls", "half a line", "negative length", "long header", "zeroes"],
)
def test_garbage_ends_its_own_connection_only(stand, garbage):
    with control.connect(stand.path) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(garbage)
            sock.shutdown(socket.SHUT_WR)
        assert not control.read_to_end(sock).startswith(b"HTTP/1.1 2")
    assert_prompt(stand)


def test_a_client_that_has_half_closed_still_gets_its_answer(stand):
    with control.connect(stand.path) as sock:
        sock.sendall(b"GET /v1/app HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert control.read_to_end(sock).startswith(b"HTTP/1.1 200 ")


def test_a_hundred_idle_connections_keep_nobody_out(stand):
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(control.connect(stand.path))
        for _ in range(10):
            assert_prompt(stand)


def test_a_hundred_requests_that_never_end_keep_nobody_out(stand):
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            sock = stack.enter_context(control.connect(stand.path))
            sock.sendall(b"POST /v1/app/scale HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        for _ in range(10):
            assert_prompt(stand)


def test_a_connection_in_use_outlives_a_hundred_idle_ones(stand):
    connection = control.UnixConnection(stand.path)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(control.connect(stand.path))
            connection.request("GET", "/v1/upgrade")
            assert connection.getresponse().read()
    connection.close()


def test_clients_that_do_not_read_hold_nobody_up(stand):
    requests = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(control.connect(stand.path))
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sock.send(requests)
        for _ in range(10):
            assert_prompt(stand)


def test_500_idle_and_50_slow_clients_keep_nobody_out(stand):
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(control.connect(stand.path))
        for _ in range(50):
            sock = stack.enter_context(control.connect(stand.path))
            sock.sendall(b"POST /v1/app/scale HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        for _ in range(10):
            assert_prompt(stand)


@pytest.mark.slow
def test_who_is_silent_or_says_a_byte_now_and_then_is_cut_off(stand):
    silent, slow = control.connect(stand.path), control.connect(stand.path)
    began = time.monotonic()
    ended = {}
    with silent, slow:
        slow.sendall(b"GET /v1/app HTTP/1.1\r\nX: ")
        while len(ended) < 2:
            left = [sock for sock in (silent, slow) if sock not in ended]
            for sock in select.select(left, [], [], 0.5)[0]:
                assert control.read_to_end(sock) == b""
                ended[sock] = time.monotonic() - began
            if slow not in ended:
                with contextlib.suppress(BrokenPipeError):
                    slow.send(b"y")
    assert 9 < ended[silent] < 14
    assert 19 < ended[slow] < 25
    assert_prompt(stand)


def test_nobody_costs_the_server_time_by_being_there(stand):
    def cpu_ticks():
        with open(f"/proc/{stand.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    with control.connect(stand.path) as sock:
        sock.sendall(b"GET /v1/app HTTP/1.1\r\n")
        assert_prompt(stand)
        before = cpu_ticks()
        select.select([sock], [], [], 2.0)
        assert cpu_ticks() - before <= 2


# Resources


DOCUMENTS = ["apps", "generations", "berths", "operations", "connections", "events"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_can_be_listed_is_a_list_under_its_own_name(stand, name):
    status, _, document = stand.get(f"/v1/{name}")
    assert status == 200
    assert isinstance(document[name], list)


def test_an_operation_has_a_path_of_its_own(stand):
    stand.post("/v1/upgrade")
    status, _, operation = stand.get("/v1/operations/upgrade-1")
    assert status == 200
    assert operation["kind"] == "upgrade" and operation["state"] == "running"
    assert stand.get("/v1/operations/upgrade-9")[2]["error"]["code"] == "not_found"


def test_slots_and_signals_are_passed_on(stand):
    assert stand.post("/v1/restart", {"slots": [2, 4]})[2] == {"after_run": 7}
    assert stand.line() == "restart 2"
    assert stand.line() == "events 200"
    assert stand.post("/v1/drain", {"slot": 2})[2] == {"drain": 5}
    assert stand.line() == "drain 2"
    assert stand.post("/v1/kill", {"slot": 2, "signal": 10})[2] == {"pid": 1002}
    assert stand.line() == "kill 2 with 10"
    assert stand.post("/v1/kill", {"slot": 100, "signal": 10})[0] == 422


# Events


def make_events(stand, hundreds):
    """Returns the number of the last one."""
    assert stand.post("/v1/restart", {"slots": list(range(1, hundreds + 1))})[0] == 202
    assert stand.line() == f"restart {hundreds}"
    return int(stand.line().removeprefix("events "))


class Follower:
    """One who reads the stream of events, when the test says so."""

    def __init__(self, stand, query="follow=1"):
        self.connection = control.UnixConnection(stand.path)
        self.connection.request("GET", f"/v1/events?{query}")
        self.answer = self.connection.getresponse()

    def line(self):
        return self.answer.readline()

    def object(self):
        """The next line that is more than a sign of life; None at the end."""
        while (line := self.line()) == b"\n":
            pass
        return json.loads(line) if line else None

    def close(self):
        self.connection.close()


@pytest.fixture
def follow(stand):
    followers = []

    def start(*args):
        followers.append(Follower(stand, *args))
        return followers[-1]

    yield start
    for each in followers:
        each.close()


def test_events_are_those_after_a_number(stand):
    assert stand.get("/v1/events")[2] == {"events": [], "last": 0, "lost": 0}
    make_events(stand, 1)
    answer = stand.get("/v1/events?after=97")[2]
    assert [each["number"] for each in answer["events"]] == [98, 99, 100]
    assert answer["last"] == 100
    make_events(stand, 1)
    answer = stand.get("/v1/events?after=50")[2]
    assert (len(answer["events"]), answer["last"], answer["lost"]) == (100, 200, 50)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "follow=2", "after=1&after=1", "since=1"])
def test_a_query_that_is_not_understood_is_refused(stand, query):
    status, _, answer = stand.get(f"/v1/events?{query}")
    assert (status, answer["error"]["code"]) == (400, "bad_request")


def test_who_follows_hears_of_what_was_and_of_what_comes(stand, follow):
    make_events(stand, 1)
    follower = follow("follow=1&after=98")
    assert follower.answer.status == 200
    assert follower.answer.headers["Content-Type"] == "application/x-ndjson"
    assert [follower.object()["number"] for _ in range(2)] == [99, 100]
    make_events(stand, 1)
    assert [follower.object()["number"] for _ in range(100)] == list(range(101, 201))


def test_a_number_beyond_the_last_event_is_taken_for_the_last(stand, follow):
    make_events(stand, 1)
    assert stand.get("/v1/events?after=1000")[2] == {"events": [], "last": 100, "lost": 0}
    follower = follow("follow=1&after=1000")
    assert follower.line() == b"\n"
    make_events(stand, 1)
    assert follower.object()["number"] == 101


def test_a_slow_reader_is_told_what_it_has_missed_and_holds_nobody_up(stand, follow):
    slow, quick = follow(), follow()
    assert slow.line() == quick.line() == b"\n"
    for _ in range(6):
        last = make_events(stand, 8)
        while quick.object().get("number") != last:
            pass
        assert_prompt(stand)
    n_heard = n_lost = 0
    while n_heard + n_lost < last:
        line = slow.object()
        if "lost" in line:
            n_lost += line["lost"]
        else:
            n_heard += 1
            assert line["number"] == n_heard + n_lost
    assert n_lost > 0


def test_no_more_than_16_follow_and_who_leaves_makes_room(stand, follow):
    followers = [follow() for _ in range(16)]
    for each in followers:
        assert each.line() == b"\n"
    one_more = follow()
    assert one_more.answer.status == 503
    assert json.loads(one_more.answer.read())["error"]["code"] == "busy"
    followers[3].close()
    followers[3].answer.close()

    def is_let_in():
        make_events(stand, 1)
        return follow().answer.status == 200

    procs.wait_until(is_let_in, "a place is free again")


def test_followers_are_not_cut_for_others_and_hold_nobody_up(stand, follow):
    followers = [follow() for _ in range(8)]
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(control.connect(stand.path))
        assert_prompt(stand)
    make_events(stand, 1)
    for each in followers:
        assert each.object()["number"] == 1


def test_the_stream_ends_when_the_server_does(stand, follow):
    follower = follow()
    assert follower.line() == b"\n"
    stand.send(signal.SIGUSR1)
    assert follower.object() is None
    assert stand.line() == "gone"
    stand.send(signal.SIGUSR2)
    assert stand.line().startswith("at ")


@pytest.mark.slow
def test_a_follower_that_is_told_nothing_lives_on_and_one_that_is_gone_does_not(stand, follow):
    follower = follow()
    for _ in range(4):
        assert follower.line() == b"\n"  # one each 5 s: silence ends others after 10
    make_events(stand, 1)
    assert follower.object()["number"] == 1


# Other users

AS_NOBODY = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(10)
sock.connect(sys.argv[1])
got = b"?"
try:
    sock.sendall(sys.argv[2].encode())
    got = sock.recv(100)
except (BrokenPipeError, ConnectionResetError):
    got = b""
sys.exit(0 if got == b"" else f"it said {got!r}")
"""


@needs_root
@pytest.mark.parametrize("said", ["GET /v1/app HTTP/1.1\r\nHost: x\r\n\r\n", "garbage\r\n\r\n", "G"])
def test_another_user_is_cut_off_with_nothing_said(stand, said):
    # Whatever happens to the rights of the files.
    os.chmod(os.path.dirname(stand.path), 0o755)
    os.chmod(stand.path, 0o666)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, stand.path, said],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done
    assert_prompt(stand)


@needs_root
def test_root_may_ask_what_another_user_runs(spawn, programs, place):
    stand = control.Stand(spawn, programs.control_stand, place / "run", user="nobody")
    assert stand.get("/v1/app")[0] == 200
    assert stand.post("/v1/app/scale", {"change": 1})[2] == {"workers": 3}
    assert stand.line().endswith(" uid=0")
    assert stand.stop() == 0
