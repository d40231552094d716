"""Starts one program and says what it took: ``python -I -S launcher.py ANSWER COMMAND...``, ANSWER a file descriptor.

Linux counts what was resident in the process before ``exec`` as part of a program's peak. So a program that the harness
started itself would seem to need at least what the harness needs. This process is as small as Python can be, and by
``fork`` passes on only the pages of its own that it changed: about 7 MiB, less than bare Python needs.
"""

import os
import sys
import time


def main() -> None:
    """Run the command; answer seconds on the clock, seconds of the processors, KiB at most, and the wait status."""
    answer, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(answer, False)
    began = time.perf_counter()
    process = os.fork()
    if process == 0:
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - began
    os.write(answer, f"{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss} {status}".encode())


main()
