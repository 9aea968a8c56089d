"""`berth doctor`: what this machine, this user and these limits give berth."""

import dataclasses
import json
import os
import pty
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

import clients
from berthrun import event
from conftest import BERTH_PROGRAMS

DONE, FAILED, USAGE = 0, 1, 2
RANKS = ["error", "warning", "note", "ok"]

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF = 10, 12, 38, 39
ALL_STEERING = [CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_NET_BIND_SERVICE]

# As the kernel keeps the capabilities of a file: revision 2, effective.
FILE_CAPS_REVISION_2, FILE_CAPS_EFFECTIVE = 0x02000000, 1

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have less than it")


@dataclasses.dataclass
class Answer:
    """What the doctor said, for people and for programs."""

    code: int
    text: str
    json: dict

    def find(self, name, subject=None):
        found = [
            f for f in self.json["findings"] if f["id"] == name and f["subject"] == subject
        ]
        assert len(found) == 1, (name, self.text)
        return found[0]

    def severity(self, name, subject=None):
        return self.find(name, subject)["severity"]

    def has(self, name):
        return any(f["id"] == name for f in self.json["findings"])


def check_form(answer):
    severities = [f["severity"] for f in answer.json["findings"]]
    assert severities == sorted(severities, key=RANKS.index)
    assert answer.json["verdict"] == severities[0]
    assert answer.code == (FAILED if severities[0] == "error" else DONE), answer.text
    lines = answer.text.splitlines()
    assert lines[0] == f"tier     {answer.json['tier']['message']}"
    for finding in answer.json["findings"]:
        assert finding["severity"] == "ok" or finding["id"] == "tier" or finding["action"], finding
        if finding["severity"] != "ok" and finding["id"] not in ("tier", "memory", "host_files"):
            assert f"{finding['severity']:7}  {finding['message']}" in lines
            assert f"         → {finding['action']}" in lines
    assert "\033" not in answer.text


@pytest.fixture
def doctor(programs):
    """Asks twice, as people and as programs do; @wrapper: what starts berth."""

    def ask(*addresses, user=None, wrapper=(), program=None):
        as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        argv = [*map(str, wrapper), str(program or programs.berth), "doctor"]
        done = [
            subprocess.run(
                [*argv, *options, *map(str, addresses)],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
                **as_user,
            )
            for options in ([], ["--json"])
        ]
        assert not done[0].stderr and not done[1].stderr, done
        assert done[0].returncode == done[1].returncode, done
        answer = Answer(done[0].returncode, done[0].stdout, json.loads(done[1].stdout))
        check_form(answer)
        return answer

    return ask


@pytest.fixture
def installed(programs, place):
    """A copy of berth's programs, to be changed: its directory."""
    for name in BERTH_PROGRAMS:
        shutil.copy(Path(programs.berth).with_name(name), place / name)
    return place


def give_rights(path, capabilities, flags=FILE_CAPS_EFFECTIVE):
    permitted = sum(1 << capability for capability in capabilities)
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    value = struct.pack("<5I", FILE_CAPS_REVISION_2 | flags, low, 0, high, 0)
    try:
        os.setxattr(path, "security.capability", value)
    except OSError as error:
        pytest.skip(f"files here cannot have capabilities: {error.strerror}")


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return program


def in_own_network(**sysctls):
    """A wrapper: a network of its own, in which these are set."""
    settings = "".join(
        f"echo '{value}' >/proc/sys/net/{name.replace('__', '/')} || exit 99; "
        for name, value in sysctls.items()
    )
    return ["unshare", "-n", "sh", "-c", f'{settings} exec "$0" "$@"']


def test_the_tier_has_the_words_of_berth_run(doctor, berth_run, programs, tier):
    run = berth_run(["-n", 1, "--", programs.hello, clients.free_port()], user=tier.user)
    told = run.wait_for(event("tier"))[0].fields["message"]
    run.stop()
    answer = doctor(user=tier.user)
    assert answer.json["tier"]["message"] == told
    assert answer.json["tier"]["name"] == tier.name
    assert answer.find("tier")["message"] == told


def test_what_was_read_is_what_the_kernel_says(doctor):
    machine = doctor().json["machine"]
    assert machine["kernel"] == os.uname().release
    assert machine["uid"] == os.geteuid()
    for name, value in machine["sysctl"].items():
        path = Path("/proc/sys") / name.replace(".", "/")
        assert value == (int(path.read_text()) if path.exists() else None), name
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    assert machine["client_ports"]["first"] == int(first)
    assert machine["client_ports"]["last"] == int(last)


def test_a_user_without_rights_is_told_how_to_steer(doctor, programs, shared):
    answer = doctor(user=shared.user)
    assert answer.severity("tier") == "note"
    berthd = Path(programs.berth).with_name("berthd")
    assert answer.find("tier")["action"] == (
        f"setcap cap_bpf,cap_net_admin,cap_perfmon,cap_net_bind_service=ep {berthd}"
    )
    assert answer.find("rights")["message"] == "those of any user"
    assert answer.json["machine"]["capabilities"] == []


@needs_root
def test_rights_of_the_file_count(doctor, installed, steered):
    give_rights(installed / "berthd", ALL_STEERING)
    answer = doctor(80, user="nobody", program=installed / "berth")
    assert answer.json["tier"]["name"] == "steered"
    assert answer.severity("tier") == ("ok" if answer.json["tier"]["queues_seen"] else "note")
    assert "cap_bpf" in answer.json["machine"]["file_capabilities"]
    assert "may not bind it" not in answer.text


@needs_root
def test_what_is_missing_in_the_rights_of_the_file_is_advised(doctor, installed, steered):
    give_rights(installed / "berthd", [CAP_BPF, CAP_NET_ADMIN])
    answer = doctor(user="nobody", program=installed / "berth")
    assert answer.json["tier"]["name"] == "steered"
    assert not answer.json["tier"]["queues_seen"]
    assert answer.severity("tier") == "note"
    assert "cap_perfmon" in answer.find("tier")["action"]


@needs_root
@pytest.mark.parametrize(
    ("wrapper", "flags", "word"),
    [
        (["setpriv", "--no-new-privs"], FILE_CAPS_EFFECTIVE, "no_new_privs"),
        ([], 0, "does not make them effective"),
    ],
    ids=["no_new_privs", "not_effective"],
)
def test_rights_of_the_file_that_do_not_count_are_a_warning(
    doctor, installed, wrapper, flags, word
):
    if wrapper:
        need(wrapper[0])
    give_rights(installed / "berthd", ALL_STEERING, flags)
    answer = doctor(user="nobody", program=installed / "berth", wrapper=wrapper)
    assert answer.json["tier"]["name"] == "shared"
    assert answer.severity("file_rights") == "warning"
    assert word in answer.find("file_rights")["message"]


@needs_root
def test_rights_of_the_file_that_nobody_may_have_are_an_error(doctor, installed):
    give_rights(installed / "berthd", ALL_STEERING)
    wrapper = [need("setpriv"), "--bounding-set", "-perfmon"]
    answer = doctor(program=installed / "berth", wrapper=wrapper)
    assert answer.severity("programs") == "error"
    assert "(cap_perfmon)" in answer.find("programs")["message"]
    assert f"setcap -r {installed}/berthd" in answer.find("programs")["action"]


@pytest.mark.parametrize("name", ["berthd", "berth-keeper"])
def test_a_program_that_is_not_there_is_an_error(doctor, installed, name):
    (installed / name).unlink()
    answer = doctor(program=installed / "berth")
    assert answer.severity("programs") == "error"
    assert answer.find("programs")["message"].startswith(f"{name} cannot be run")


@pytest.mark.parametrize(("limit", "severity"), [(64, "warning"), (34, "error")])
def test_few_open_files_bite(doctor, limit, severity):
    answer = doctor(wrapper=[need("prlimit"), f"--nofile={limit}"])
    assert answer.severity("files") == severity
    assert answer.severity("worker_files") == "warning"
    assert answer.json["machine"]["limits"]["nofile_hard"] == limit


def test_the_soft_limit_is_what_workers_have(doctor):
    answer = doctor(wrapper=[need("prlimit"), "--nofile=1000:20000"])
    assert not answer.has("files")
    assert "may open 1000 files" in answer.find("worker_files")["message"]
    assert answer.find("worker_files")["action"].startswith("ulimit -n 20000;")


@needs_root
def test_settings_of_another_network_count_there(doctor):
    wrapper = in_own_network(
        core__somaxconn=100,
        ipv4__tcp_syncookies=0,
        ipv4__tcp_migrate_req=1,
        ipv4__ip_local_port_range="8000 8100",
        ipv4__ip_local_reserved_ports="8010,8020-8030",
    )
    answer = doctor(8000, 8010, 8025, 8101, wrapper=wrapper)
    assert answer.code == DONE
    assert answer.find("somaxconn")["action"] == "sysctl -w net.core.somaxconn=4096"
    assert answer.find("syncookies")["action"] == "sysctl -w net.ipv4.tcp_syncookies=1"
    assert answer.severity("migrate_req") == "ok"
    assert answer.severity("client_ports") == "warning"
    assert answer.severity("client_port", "port 8000/tcp") == "warning"
    assert answer.find("client_port", "port 8000/tcp")["action"] == (
        "sysctl -w net.ipv4.ip_local_reserved_ports=8010,8020-8030,8000"
    )
    assert [f["subject"] for f in answer.json["findings"] if f["id"] == "client_port"] == [
        "port 8000/tcp"
    ]


@needs_root
def test_what_is_advised_mends(doctor):
    """Each of its own network's warnings goes with the command that it comes with."""
    wrapper = in_own_network(
        core__somaxconn=100,
        ipv4__tcp_syncookies=2,
        ipv4__ip_local_port_range="8000 8100",
        ipv4__ip_local_reserved_ports="8010",
    )
    need("sysctl")
    names = {"somaxconn", "syncookies", "client_ports", "client_port"}
    found = [f for f in doctor(8000, wrapper=wrapper).json["findings"] if f["id"] in names]
    assert {f["id"] for f in found} == names
    commands = "".join(f"{f['action']} >&2 || exit 98; " for f in found)
    mended = subprocess.run(
        [*wrapper[:-1], wrapper[-1].replace("exec", commands.replace(">&2", ">/dev/null") + "exec"),
         "cat", "/proc/sys/net/core/somaxconn", "/proc/sys/net/ipv4/tcp_syncookies",
         "/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv4/ip_local_reserved_ports"],
        capture_output=True, text=True, timeout=20, check=True,
    )
    assert mended.stdout == "4096\n1\n32768\t60999\n8000,8010\n"


def test_a_port_that_a_stranger_holds_is_an_error_and_names_it(doctor):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        answer = doctor(f"127.0.0.1:{port}")
    finding = answer.find("port", f"port {port}/tcp")
    assert finding["severity"] == "error"
    assert f"(pid {os.getpid()}, " in finding["message"]
    assert finding["action"].startswith(f"berth why 127.0.0.1:{port}")


def test_a_port_that_berth_serves_is_a_note(doctor, berth_run, programs, tier):
    port = clients.free_port()
    run = berth_run(["-n", 2, "--listen", port, "--", programs.hello, port], tier=tier)
    run.wait_listening(2)
    answer = doctor(port, user=tier.user)
    assert answer.severity("port", f"port {port}/tcp") == "note"
    run.stop()


def test_an_address_that_is_free_stands_in_full(doctor, place):
    answer = doctor(f"unix:{place}/socket")
    assert answer.severity("port", f"unix:{place}/socket") == "ok"
    assert f"ok       unix:{place}/socket is free" in answer.text


@needs_root
def test_a_port_that_takes_a_right_is_an_error_without_it(doctor):
    answer = doctor(80, user="nobody", wrapper=[])
    start = answer.json["machine"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"]
    if start <= 80:
        pytest.skip("port 80 takes no right here")
    assert answer.severity("port", "port 80/tcp") == "error"
    assert "cap_net_bind_service=ep" in answer.find("port", "port 80/tcp")["action"]


def test_a_berth_that_would_run_under_another_is_told_that_it_cannot(berth_run, programs):
    run = berth_run(["-n", 1, "--", programs.berth, "doctor"])
    run.wait_for("another supervisor already answers")
    run.stop()


def test_all_that_is_well_is_told_on_demand(berth):
    short, full = berth("doctor"), berth("doctor", "--all")
    assert "kernel, btf" in short.stdout.replace("\n", " ")
    assert f"ok       Linux {os.uname().release}\n" in full.stdout
    assert short.returncode == full.returncode


def print_to_terminal(programs, environment):
    ours, theirs = pty.openpty()
    done = subprocess.Popen([programs.berth, "doctor"], stdout=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # all has been read, and nobody has the other end any more
    os.close(ours)
    assert done.wait(20) in (DONE, FAILED)
    return shown


def test_there_is_colour_on_a_terminal_only(programs):
    plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    assert b"\033[" in print_to_terminal(programs, {**plain, "TERM": "xterm"})
    assert b"\033[" not in print_to_terminal(programs, {**plain, "TERM": "dumb"})
    assert b"\033[" not in print_to_terminal(programs, {**plain, "TERM": "xterm", "NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--frob"], "there is no option --frob"),
        (["-x"], "there is no option -x"),
        (["--json=yes"], "--json takes no value"),
        (["99999"], "99999 must end with a port"),
        (["8000", "nowhere"], "nowhere must"),
        (["8000"] * 65, "65 addresses are too many"),
    ],
    ids=["long", "short", "value", "port", "second", "many"],
)
def test_a_wrong_command_line_says_what_is_wrong(berth, arguments, complaint):
    done = berth("doctor", *arguments)
    assert done.returncode == USAGE
    assert done.stderr.startswith(f"berth doctor: {complaint}"), done
    assert not done.stdout


def test_help_is_printed(berth):
    done = berth("doctor", "--help")
    assert done.returncode == DONE
    assert done.stdout.startswith("usage: berth doctor ")
    assert berth("help", "doctor").stdout == done.stdout


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--help"]], ids=" ".join)
def test_what_cannot_be_printed_is_an_error(programs, arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [programs.berth, "doctor", *arguments],
            stdout=full, stderr=subprocess.PIPE, timeout=20, check=False,
        )
    assert done.returncode == FAILED
    assert b"cannot print: No space left on device" in done.stderr
