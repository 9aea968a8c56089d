#!/usr/bin/python3
"""Check that a library decides and never acts.

usage: pure.py LIBRARY [LOWER-LIBRARY...]

LIBRARY may call itself, the lower libraries, and those functions of libc that
neither ask nor change anything outside of the process's own memory.
"""
import re
import subprocess
import sys

PURE = re.compile(
    r"(__)?(mem|st[rp]|ctype_|isoc99_str|v?snprintf|v?sscanf|htons|htonl|ntohs|ntohl|inet_[np]to[np])\w*"
    r"|malloc|calloc|realloc|reallocarray|free|qsort|bsearch|is[a-z]+|to(lower|upper)|abs|labs"
    r"|__assert_fail|__stack_chk_fail|__errno_location|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan)_\w+"
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
