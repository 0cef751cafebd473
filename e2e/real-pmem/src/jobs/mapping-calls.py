"""
Makes the calls that a process can aim at its own mapping of a file, and at the file past the mapping. One request a line on
standard input, {"call", "path", "offset", "length"}; one answer a line, {"errno", "value"}: value is what the call returned.
Each request maps the file anew, so that no page of it is present.
"""
import ctypes
import json
import mmap
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
for name in ("munmap", "mlock", "munlock"):
    getattr(libc, name).argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for name in ("write", "read", "process_vm_readv"):
    getattr(libc, name).restype = ctypes.c_ssize_t
libc.write.argtypes = libc.read.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
libc.process_vm_readv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]

MAP_SHARED, MAP_POPULATE = 0x1, 0x8000
MADV_POPULATE_READ, MADV_POPULATE_WRITE = 22, 23  # Linux 5.14


class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def checked(returned):
    if returned == -1 or returned == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned


def vm_read(address, length):
    target = ctypes.create_string_buffer(length)
    into, source = iovec(ctypes.addressof(target), length), iovec(address, length)
    return checked(libc.process_vm_readv(os.getpid(), ctypes.byref(into), 1, ctypes.byref(source), 1, 0))


def through_pipe(address, length, into_mapping):
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        if not into_mapping:
            return checked(libc.write(writer, address, length))
        os.write(writer, b"\xcb" * length)
        return checked(libc.read(reader, address, length))
    finally:
        os.close(reader)
        os.close(writer)


def direct_read(path, offset, length):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    try:
        # An anonymous mapping is aligned.
        with mmap.mmap(-1, length) as target:
            return os.preadv(descriptor, [target], offset)
    finally:
        os.close(descriptor)


def on_mapping(call, address, length):
    if call == "mlock":
        checked(libc.mlock(address, length))
        return checked(libc.munlock(address, length))
    if call == "populateRead":
        return checked(libc.madvise(address, length, MADV_POPULATE_READ))
    if call == "populateWrite":
        return checked(libc.madvise(address, length, MADV_POPULATE_WRITE))
    if call == "vmRead":
        return vm_read(address, length)
    if call == "memRead":
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            return os.preadv(memory.fileno(), [bytearray(length)], address)
    return through_pipe(address, length, into_mapping=call == "readFromPipe")


def perform(call, path, offset, length):
    descriptor = os.open(path, os.O_RDWR)
    try:
        if call == "preadNowait":
            return os.preadv(descriptor, [bytearray(length)], offset, os.RWF_NOWAIT)
        if call == "pwritev":
            return os.pwritev(descriptor, [b"\xcc" * 100, b"\xcc" * (length - 100)], offset)
        if call == "preadDirect":
            return direct_read(path, offset, length)
        if call in ("seekData", "seekHole"):
            return os.lseek(descriptor, offset, os.SEEK_DATA if call == "seekData" else os.SEEK_HOLE)
        flags = MAP_SHARED | (MAP_POPULATE if call == "mapPopulate" else 0)
        address = checked(libc.mmap(None, length, mmap.PROT_READ | mmap.PROT_WRITE, flags, descriptor, offset))
        try:
            return 0 if call == "mapPopulate" else on_mapping(call, address, length)
        finally:
            libc.munmap(address, length)
    finally:
        os.close(descriptor)


for line in sys.stdin:
    try:
        answer = {"errno": 0, "value": perform(**json.loads(line))}
    except OSError as error:
        answer = {"errno": error.errno, "value": 0}
    print(json.dumps(answer), flush=True)
