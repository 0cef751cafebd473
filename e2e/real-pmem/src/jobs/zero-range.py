"""What the zero-range job does to files: fallocate(2) with any mode, mappings, and random sequences against a model.

Reads one request a line from standard input, a JSON object, and answers each with one line.
"""
import ctypes
import fcntl
import json
import mmap
import os
import random
import resource
import struct
import sys
import traceback

PAGE = mmap.PAGESIZE
# What a page of the page table maps, whose entries have 8 bytes.
HUGE = PAGE * (PAGE // 8)
MAP_FIXED = 0x10
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
FICLONE = 0x40049409
FIEMAP = 0xC020660B
EXTENT_SHARED, EXTENT_UNWRITTEN = 0x2000, 0x800

libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def fallocate(descriptor, mode, offset, length):
    """errno, 0 for success."""
    return 0 if libc.fallocate(descriptor, mode, offset, length) == 0 else ctypes.get_errno()


def blocks(descriptor):
    """For each page of the file that has a block: its address on the device, and the flags of its extent."""
    most = 512
    buffer = bytearray(32 + most * 56)
    struct.pack_into("=QQIIII", buffer, 0, 0, 1 << 40, 0, 0, most, 0)
    fcntl.ioctl(descriptor, FIEMAP, buffer)
    found = {}
    for index in range(struct.unpack_from("=I", buffer, 20)[0]):
        logical, physical, length, _, _, flags = struct.unpack_from("=QQQQQI", buffer, 32 + index * 56)
        for at in range(0, length, PAGE):
            found[(logical + at) // PAGE] = (physical + at, flags)
    return found


class Model:
    """A file beside the bytes that it ought to hold. Every call is made on both."""

    def __init__(self, path, seed, in_place):
        self.random = random.Random(seed)
        self.path, self.in_place = path, in_place
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.expected = bytearray()
        self.clone = None
        self.log = []

    def range(self, limit):
        """Edges are as often at a page as inside one."""
        offset, length = self.random.randrange(limit), 1 + self.random.randrange(limit // 2)
        if self.random.random() < 0.5:
            offset -= offset % PAGE
        if self.random.random() < 0.5:
            length += -length % PAGE
        return offset, length

    def grow(self, size):
        if size > len(self.expected):
            self.expected.extend(bytes(size - len(self.expected)))

    def write(self, offset, length):
        # A write past the end shows on ext4 what a mapping has stored past it before, also on stock kernels.
        if offset > len(self.expected):
            self.resize(offset, 0)
        data = self.random.randbytes(length)
        os.pwrite(self.descriptor, data, offset)
        self.grow(offset + length)
        self.expected[offset:offset + length] = data

    def store(self, offset, length):
        """Through a mapping; also past the end of the file in its last page, which no one may ever see again."""
        size = len(self.expected)
        if size == 0:
            return
        mapped = size + -size % PAGE
        end = min(offset + length, mapped)
        if offset >= end:
            return
        data = self.random.randbytes(end - offset)
        address = libc.mmap(None, mapped, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, self.descriptor, 0)
        ctypes.memmove(address + offset, data, len(data))
        libc.munmap(address, mapped)
        if offset < size:
            self.expected[offset:min(end, size)] = data[:size - offset]

    def zero(self, offset, length):
        keep = self.random.random() < 0.5
        before = blocks(self.descriptor)
        self.must(fallocate(self.descriptor, ZERO_RANGE | (KEEP_SIZE if keep else 0), offset, length))
        if not keep:
            self.grow(offset + length)
        end = min(offset + length, len(self.expected))
        if offset < end:
            self.expected[offset:end] = bytes(end - offset)
        after = blocks(self.descriptor)
        pages = range(offset // PAGE, -(-(offset + length) // PAGE))
        for page in pages:
            assert page in after, f"page {page} has no block after zero-range"
            shared = before.get(page, (0, EXTENT_SHARED))[1] & EXTENT_SHARED
            if self.in_place and not shared:
                assert after[page][0] == before[page][0], f"the block of page {page} moved"
                changed = after[page][1] ^ before[page][1]
                assert changed & EXTENT_UNWRITTEN == 0, f"page {page} is now written or unwritten"
        assert before.keys() <= after.keys(), "zero-range gave blocks back"

    def punch(self, offset, length):
        self.must(fallocate(self.descriptor, PUNCH_HOLE | KEEP_SIZE, offset, length))
        end = min(offset + length, len(self.expected))
        if offset < end:
            self.expected[offset:end] = bytes(end - offset)

    def allocate(self, offset, length):
        keep = self.random.random() < 0.5
        self.must(fallocate(self.descriptor, KEEP_SIZE if keep else 0, offset, length))
        if not keep:
            self.grow(offset + length)

    def resize(self, offset, _):
        os.ftruncate(self.descriptor, offset)
        del self.expected[offset:]
        self.grow(offset)

    def share(self, *_):
        """A clone, which has to stay as it is whatever becomes of this file."""
        if self.clone is None:
            self.clone = (os.open(self.path + ".clone", os.O_RDWR | os.O_CREAT, 0o600), b"")
        descriptor, _ = self.clone
        os.ftruncate(descriptor, 0)
        fcntl.ioctl(descriptor, FICLONE, self.descriptor)
        self.clone = (descriptor, bytes(self.expected))

    def must(self, errno):
        assert errno == 0, f"fallocate failed: {os.strerror(errno)}"

    def check(self):
        size = os.fstat(self.descriptor).st_size
        assert size == len(self.expected), f"the size is {size}, not {len(self.expected)}"
        self.compare("pread", os.pread(self.descriptor, size + 1, 0), self.expected)
        if size > 0:
            with mmap.mmap(self.descriptor, size, prot=mmap.PROT_READ) as memory:
                self.compare("a mapping", memory[:], self.expected)
        if self.clone is not None:
            descriptor, bytes_then = self.clone
            self.compare("the clone", os.pread(descriptor, len(bytes_then) + 1, 0), bytes_then)

    def compare(self, how, got, expected):
        if got != expected:
            differing = (i for i, pair in enumerate(zip(got, expected)) if pair[0] != pair[1])
            at = next(differing, min(len(got), len(expected)))
            raise AssertionError(f"{how} differs from byte {at} on (page {at // PAGE})")

    def run(self, steps, reflink):
        limit = 24 * PAGE
        calls = [self.zero] * 4 + [self.write] * 3 + [self.store] * 2 + [self.punch, self.allocate, self.resize]
        calls += [self.share] if reflink else []
        for _ in range(steps):
            call, (offset, length) = self.random.choice(calls), self.range(limit)
            self.log.append(f"{call.__name__} {offset} {length}")
            call(offset, length)
            self.check()

    def close(self):
        os.close(self.descriptor)
        if self.clone is not None:
            os.close(self.clone[0])


def sequence(path, seed, steps, reflink, inPlace):
    model = Model(path, seed, inPlace)
    try:
        model.run(steps, reflink)
    except AssertionError as error:
        return {"failure": f"seed {seed}, step {len(model.log)}: {error}", "log": model.log[-12:]}
    finally:
        model.close()
    return {}


def call(path, mode, offset, length, readOnly=False):
    descriptor = os.open(path, os.O_RDONLY if readOnly else os.O_RDWR)
    try:
        return {"errno": fallocate(descriptor, mode, offset, length)}
    finally:
        os.close(descriptor)


class Mapping:
    """A file mapped at a multiple of a huge page, so that huge pages suit it. Python's own mmap does not let one choose."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR)
        self.size = os.fstat(self.descriptor).st_size
        self.room = libc.mmap(None, self.size + HUGE, 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        address = -(-self.room // HUGE) * HUGE
        libc.mmap(address, self.size, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | MAP_FIXED, self.descriptor, 0)
        self.memory = (ctypes.c_char * self.size).from_address(address)

    def touch(self):
        """Writes to every page what it holds; the page faults that it takes."""
        start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for at in range(0, self.size, PAGE):
            self.memory[at] = self.memory[at]
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start

    def close(self):
        libc.munmap(self.room, self.size + HUGE)
        os.close(self.descriptor)


held = []


def hold(path):
    """Maps a file and touches all of it, until `release`."""
    mapping = Mapping(path)
    held.append(mapping)
    return {"faults": mapping.touch()}


def release(compare):
    """Ends the mapping; before that, with `compare`, looks whether it shows what pread(2) does."""
    mapping = held.pop()
    coherent = compare and bytes(mapping.memory) == os.pread(mapping.descriptor, mapping.size, 0)
    mapping.close()
    return {"coherent": coherent}


CALLS = {"sequence": sequence, "call": call, "hold": hold, "release": release}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = CALLS[request.pop("do")](**request)
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
