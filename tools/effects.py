#!/usr/bin/python3
"""Check that a primary can be killed behind each of its effects, and list where.

usage: effects.py SOURCES LIBRARY...
       effects.py --list SOURCES

Every function of os/ and primary/ that calls what changes the world outside of the
process has a fault_point() behind each such call. What the libraries call and
stands in none of the tables below is an error: whoever uses it decides.
"""
import pathlib
import re
import subprocess
import sys

# What a successor finds changed. The seats and the record are memory that outlives us.
EFFECTS = """
    bind listen shutdown setsockopt fchown link unlink write send sendmsg recvmsg rights_send
    rights_receive fork connect pwritev2 uv_spawn kill
    bpf_map_update_elem bpf_map_delete_elem ring_buffer__consume
    seats_add seats_remove seats_compact
""".split()

# The same as the numbers that syscall(), ioctl() and fcntl() are called with.
EFFECT_NUMBERS = """
    SYS_clone3 SYS_pidfd_send_signal SYS_seccomp F_SETFL
    SECCOMP_IOCTL_NOTIF_RECV SECCOMP_IOCTL_NOTIF_SEND SECCOMP_IOCTL_NOTIF_ADDFD
""".split()

# What asks only, or changes nothing but what ends with the process: its memory, its
# descriptors, its rights. To close one is what a kill does, too.
HARMLESS = re.compile(
    r"""mem\w+ | st[rp]\w+ | \w*(printf|snprintf) | malloc\w* | calloc | realloc\w* | free
    | madvise | mmap | munmap | qsort | _exit | environ | puts | stderr | assert_fail
    | errno_location | stack_chk_fail | _GLOBAL_OFFSET_TABLE_ | asan\w+ | ubsan\w+
    | f?stat | lstat | statfs | f?access\w* | open\w* | fopen | fdopendir | f?close\w* | dirfd | dirname
    | readdir | readlink\w* | read | pread | lseek | fgets | getdelim | ftruncate | fcntl | dup[23]
    | pipe2 | poll | epoll_\w+ | socket(pair)? | get\w+ | isatty | sysconf | sched_\w+
    | clock_gettime | gmtime_r | process_vm_readv | recv(from)? | waitpid | execve? | execv
    | ioctl | syscall | prctl | setfs[ug]id | setrlimit | setsid | sig\w+ | umask | seccomp_\w+
    | bpf_link_create | dl(open|sym|close) | bpf_object__\w+ | bpf_link__\w+
    | bpf_map__\w+ | bpf_program__\w+ | bpf_map_lookup_(elem | batch) | bpf_obj_get_info_by_fd
    | bpf_prog_test_run_opts | libbpf_set_print | ring_buffer__(new|free|epoll_fd)
    | uv_(?!spawn)\w+ | curl_(easy|slist|global)_\w+ | curl_multi_(?!socket_action)\w+
    | SYS_(capget|pidfd_open|pidfd_getfd|setgroups) | SECCOMP_IOCTL_NOTIF_ID_VALID | TIOCGDEV
    | SIOC(IN|OUT)Q
    | F_(GETF[DL]|SETFD|DUPFD_CLOEXEC|ADD_SEALS|GET_SEALS) | ctype\w+ | inet_[np]to[np]
    | json_(?!dumpf|dump_file|load)\w+""",
    re.VERBOSE,
)

# A file or a function that has effects and no point, and why.
EXEMPT = {
    "os/sink.c": "the output has a journal, and a test of its own",
    "os/bind_try.c": "asks: nothing is left of it",
    "os/diag_dump.c": "asks",
    "os/worker_try.c": "asks: both children have ended when it returns",
    "os/sock.c:sock_unix_is_alive": "asks",
    "os/command.c": "it ends with us",
    "os/filter.c:has_killable_wait": "asks",
    "os/resets.c": "the marks end with us, and so does the counting",
    "os/rights.c": "whoever calls it has the point",
    "os/spawn.c:fail": "runs in the child",
    "os/spawn.c:run_child": "runs in the child",
    "os/spawn.c:install_filter": "runs in the child",
    "primary/broker.c:on_socket": "nobody else has the socket before it is the answer",
    "primary/notify_socket.c": "looks first: what isn't taken yet is there for the next",
    "primary/probe_tcp.c": "asks",
    "primary/process.c:is_reaped": "asks",
    "primary/new_keeper.c:new_keeper_channel": "nobody else has it yet",
    "primary/new_keeper.c:run_child": "runs in the child",
    "primary/keep.c:make_blob": "nobody else has it before it is stored",
}

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
FUNCTION = re.compile(r"^\w[^;{}#]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
POINT = re.compile(r'\bfault_point\("(\w+)"\)')
TEXT = re.compile(r'(fault_point\()?"(?:[^"\\]|\\.)*"')
EFFECT = re.compile(rf"\b(?:({'|'.join(EFFECTS)})\(|({'|'.join(EFFECT_NUMBERS)})\b)")
NUMBER = re.compile(r"\b(?:syscall\(|ioctl\(\w+, |fcntl\([\w>-]+, )(\w+)")


def functions(sources):
    """Yields "room/file.c", name and body of each function that may have effects."""
    for room in ("os", "primary"):
        for path in sorted((sources / room).glob("*.c")):
            text = COMMENT.sub("", path.read_text())
            text = TEXT.sub(lambda quoted: quoted[0] if quoted[1] else '""', text)
            if path.name != "fault.c":
                for name, body in FUNCTION.findall(text):
                    yield f"{room}/{path.name}", name, body


def points(sources):
    return [name for _, _, body in functions(sources) for name in POINT.findall(body)]


def symbols(libraries, kind):
    command = ["nm", "--format=posix", kind, *libraries]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listing.splitlines() if len(line.split()) > 1}


def plain(symbol):
    """The name that a source has for it."""
    return re.sub(r"^__|_chk$|v?64", "", symbol)


def called(sources, libraries):
    """What is called, but is not ours: functions, and the numbers of system calls."""
    ours = symbols(libraries, "--defined-only")
    theirs = {plain(s) for s in symbols(libraries, "--undefined-only") - ours}
    numbers = {n for _, _, body in functions(sources) for n in NUMBER.findall(body)}
    return theirs | numbers


def check(sources, libraries):
    faults = []
    used = set()
    for call in sorted(called(sources, libraries)):
        if call not in EFFECTS + EFFECT_NUMBERS and not HARMLESS.fullmatch(call):
            faults.append(f"{call} is used, and no table says whether it has an effect")
    for file, name, body in functions(sources):
        exempt = {file, f"{file}:{name}"} & EXEMPT.keys()
        effects = ["".join(found) for found in EFFECT.findall(body)]
        if effects and exempt:
            used |= exempt
        elif len(effects) > len(POINT.findall(body)):
            faults.append(f"{file}: {name}() has {', '.join(effects)} and too few fault points")
    names = points(sources)
    faults += [f"two fault points are called {n}" for n in {n for n in names if names.count(n) > 1}]
    faults += [f"{e} is exempt, and has no effect" for e in EXEMPT.keys() - used]
    print("\n".join(faults), end="\n" if faults else "")
    return bool(faults)


def main(arguments):
    if arguments[0] == "--list":
        print("\n".join(sorted(points(pathlib.Path(arguments[1])))))
        return 0
    return check(pathlib.Path(arguments[0]), arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
