#!/usr/bin/python3
"""Check that a library decides and never acts.

usage: pure.py LIBRARY [LOWER-LIBRARY...]

LIBRARY may call itself, the lower libraries, and those functions of libc and
jansson that neither ask nor change anything outside of the process's own memory.
"""
import re
import subprocess
import sys

PURE = re.compile(
    r"""(__)?( mem\w* | st[rp]\w* | ctype_\w+ | isoc99_s\w+ | v?(as|sn)printf(_chk)? )
    | malloc | calloc | realloc | reallocarray | free | qsort | bsearch
    | hton[sl] | ntoh[sl] | inet_[np]to[np]
    | json_(?!dumpf|dump_file|load)\w+
    | __errno_location | __assert_fail | __stack_chk_fail | _GLOBAL_OFFSET_TABLE_
    | __(asan|ubsan)_\w+""",
    re.VERBOSE,
)


def symbols(library, kind):
    """What @library needs (--undefined-only) or offers (--defined-only)."""
    command = ["nm", "--format=posix", kind, library]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in listing.splitlines() if len(line.split()) > 1}


def main(library, *lower):
    offered = set().union(*(symbols(each, "--defined-only") for each in (library, *lower)))
    acts = {s for s in symbols(library, "--undefined-only") - offered if not PURE.fullmatch(s)}
    for symbol in sorted(acts):
        print(f"{library} calls {symbol}()")
    return bool(acts)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
