"""No internet sockets for this process, by the kernel: what compiled code does is held to it too.

`engine.network.refuse_all` sees Python's sockets alone. Here a filter of system calls (seccomp, of
Linux on x86-64 and aarch64) lets `socket` fail with EACCES for each family but Unix's, and
io_uring, which can make sockets by itself, with EPERM. It holds for all threads, for every process
that is started later, and cannot be taken back. Sockets that were inherited open are left alone.
https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import logging
import platform
import socket
import struct
import sys

_log = logging.getLogger(__name__)

# Numbers of system calls, and the kernel's name of the architecture (linux/audit.h).
_MACHINES = {
    "x86_64": {"arch": 0xC000003E, "socket": 41, "seccomp": 317},
    "aarch64": {"arch": 0xC00000B7, "socket": 198, "seccomp": 277},
}
_IO_URING_SETUP = 425  # the same on both
_X32 = 0x40000000  # x86-64's other numbers for the same calls
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
# Offsets in what a filter looks at (struct seccomp_data): the low half of the first argument.
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF's codes


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def why_not_here() -> str:
    """Return why this system has no such filter, or "" where it should."""
    if not sys.platform.startswith("linux"):
        return f"{platform.system()} has no filter of system calls that a program can set"
    if platform.machine() not in _MACHINES or struct.calcsize("P") != 8:
        return f"Tern does not know the system calls of {platform.machine()}"
    return ""


def deny_internet() -> str:
    """Take the internet from this process for good; return why that failed, or ""."""
    reason = why_not_here() or _install(_MACHINES[platform.machine()])
    if reason:
        _log.info("no filter of system calls: %s", reason)
    return reason


def is_denied() -> bool:
    """Return whether an internet socket fails here; Python's own is asked, none is connected."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno == errno.EACCES
    return False


def _install(machine: dict[str, int]) -> str:
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.syscall.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    libc.syscall.restype = ctypes.c_long
    # Without it only root may set a filter: so no program that is started can gain privileges.
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return f"the kernel refuses it (error {ctypes.get_errno()})"
    if libc.syscall(machine["seccomp"], _SET_FILTER, _ALL_THREADS, ctypes.byref(program)):
        return f"the kernel refuses it (error {ctypes.get_errno()})"
    return ""


def _filter(machine: dict[str, int]) -> bytes:
    """Return the BPF program: struct sock_filter, eight bytes each."""
    refused, prohibited = _ERRNO | errno.EACCES, _ERRNO | errno.EPERM
    instructions = (
        # code, to jump over where true, to jump over where false, operand
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine["arch"]),
        (_RETURN, 0, 0, prohibited),  # calls of another architecture (32-bit) have other numbers
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, _X32),
        (_EQUAL, 5, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 3, machine["socket"]),
        (_LOAD, 0, 0, _FIRST),
        (_EQUAL, 1, 0, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, prohibited),
    )
    return b"".join(struct.pack("<HBBI", *one) for one in instructions)
