/*
 * failing_fs FOLDER MOUNTPOINT [--no-locks]
 *
 * Serves FOLDER at MOUNTPOINT until it is unmounted or its standard input ends. Commands come on standard input, one a
 * line, and each is answered by `ok` or `what?`: see faults.c. No libfuse: the protocol of linux/fuse.h on /dev/fuse.
 */
#include "failing_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

static int device = -1;
static int serves_locks = 0;

void reply(uint64_t unique, int error, const void* bytes, uint32_t length) {
  struct fuse_out_header out = {.len = sizeof out, .error = -error, .unique = unique};
  struct iovec parts[2] = {{&out, sizeof out}, {(void*)bytes, length}};
  if (error == 0) out.len += length;
  /* ENOENT: the request was interrupted, and its answer is not wanted any more. */
  if (writev(device, parts, error == 0 && length > 0 ? 2 : 1) < 0 && errno != ENOENT) perror("failing_fs: reply");
}

static void greet(const struct request* request) {
  const struct fuse_init_in* in = request->argument;
  struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = 31};
  out.max_readahead = in->max_readahead;
  out.flags = FUSE_BIG_WRITES | FUSE_ATOMIC_O_TRUNC | FUSE_MAX_PAGES | FUSE_DONT_MASK;
  /* Then the kernel asks for every lock, and is told that there are none. */
  if (serves_locks) out.flags |= FUSE_POSIX_LOCKS;
  out.max_write = kWriteBytesMax;
  out.max_pages = kWriteBytesMax / kPageBytes;
  out.time_gran = 1;
  out.max_background = 12;
  out.congestion_threshold = 9;
  reply(request->in->unique, 0, &out, sizeof out);
}

/* Where the fixed part of a request's argument ends. */
static size_t argument_bytes(uint32_t opcode) {
  switch (opcode) {
    case FUSE_CREATE: return sizeof(struct fuse_create_in);
    case FUSE_WRITE: return sizeof(struct fuse_write_in);
    case FUSE_RENAME: return sizeof(struct fuse_rename_in);
    case FUSE_RENAME2: return sizeof(struct fuse_rename2_in);
    case FUSE_LINK: return sizeof(struct fuse_link_in);
    case FUSE_MKDIR: return sizeof(struct fuse_mkdir_in);
    case FUSE_GETXATTR: return sizeof(struct fuse_getxattr_in);
    /* Without FUSE_SETXATTR_EXT. */
    case FUSE_SETXATTR: return FUSE_COMPAT_SETXATTR_IN_SIZE;
    default: return 0;
  }
}

static void serve_one(char* buffer, size_t bytes) {
  ssize_t length = read(device, buffer, bytes);
  if (length < 0) {
    if (errno == ENODEV) exit(0);
    return;
  }
  struct request request = {.in = (struct fuse_in_header*)buffer};
  /* Names are terminated by the kernel; a write's bytes need not be. */
  buffer[length] = '\0';
  request.argument = buffer + sizeof *request.in;
  request.tail = (const char*)request.argument + argument_bytes(request.in->opcode);
  if (request.in->opcode == FUSE_INIT) greet(&request);
  else serve(&request);
}

static void obey_some(void) {
  static char line[256];
  static size_t length = 0;
  char byte;
  ssize_t got = read(STDIN_FILENO, &byte, 1);
  if (got <= 0) exit(0);
  if (byte != '\n') {
    if (length < sizeof line - 1) line[length++] = byte;
    return;
  }
  line[length] = '\0';
  length = 0;
  obey(line);
}

int main(int argc, char** argv) {
  if (argc < 3) return fputs("failing_fs FOLDER MOUNTPOINT [--no-locks]\n", stderr), 2;
  serves_locks = argc > 3 && strcmp(argv[3], "--no-locks") == 0;
  umask(0);
  if (open_root(argv[1]) != 0) return perror(argv[1]), 1;
  device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) return perror("/dev/fuse"), 1;
  char options[128];
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", device);
  if (mount("failing_fs", argv[2], "fuse", MS_NOSUID | MS_NODEV, options) != 0) return perror("mount"), 1;
  const size_t bytes = kWriteBytesMax + 2 * kPageBytes;
  char* buffer = malloc(bytes + 1);
  struct pollfd sources[2] = {{device, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  puts("ok");
  fflush(stdout);
  for (;;) {
    if (poll(sources, 2, -1) < 0) continue;
    if (sources[1].revents != 0) obey_some();
    if (sources[0].revents & POLLIN) serve_one(buffer, bytes);
    else if (sources[0].revents != 0) return 0;
  }
}
