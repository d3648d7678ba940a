"""Become another program that dies with its parent: ``leash.py PARENT SIGNAL UID GID COMMAND…``.

Run as a file by a bare interpreter (``-I -S``), so that nothing of ours is imported between fork and exec.
The order matters: Linux forgets the death signal when a process changes its user.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
KEEP = -1


def become(parent: int, death_signal: int, uid: int, gid: int, command: list[str]) -> None:
    """Drop to a user (unless ``KEEP``), tie our life to the parent's, and exec."""
    if uid != KEEP:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we were tied to it
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - this is what a leash is for


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
