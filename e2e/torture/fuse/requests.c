/* What the kernel asks, passed on to the folder. */
#include "failing_fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static uint64_t id_of(const struct request* request) { return request->in->nodeid; }

static int entry_reply(const struct request* request, uint64_t parent, const char* name) {
  struct fuse_entry_out entry;
  const int error = look_up(parent, name, &entry);
  if (error == 0) reply(request->in->unique, 0, &entry, sizeof entry);
  return error;
}

static int attributes_reply(const struct request* request) {
  struct stat status;
  if (fstat(node_descriptor(id_of(request)), &status) != 0) return errno;
  struct fuse_attr_out out = {0};
  fill_attributes(&status, &out.attr);
  reply(request->in->unique, 0, &out, sizeof out);
  return 0;
}

static int set_attributes(const struct request* request) {
  const struct fuse_setattr_in* in = request->argument;
  char path[64];
  node_path(id_of(request), path);
  if ((in->valid & FATTR_MODE) && chmod(path, in->mode & 07777) != 0) return errno;
  const uid_t user = in->valid & FATTR_UID ? in->uid : (uid_t)-1;
  const gid_t group = in->valid & FATTR_GID ? in->gid : (gid_t)-1;
  if ((in->valid & (FATTR_UID | FATTR_GID)) && chown(path, user, group) != 0) return errno;
  if ((in->valid & FATTR_SIZE) && truncate(path, (off_t)in->size) != 0) return errno;
  return attributes_reply(request);
}

static int open_file(const struct request* request, int flags) {
  char path[64];
  node_path(id_of(request), path);
  /* The page cache reads what a write in part of a page needs. */
  if ((flags & O_ACCMODE) == O_WRONLY) flags = (flags & ~O_ACCMODE) | O_RDWR;
  const int descriptor = open(path, (flags & ~(O_NOFOLLOW | O_APPEND | O_CREAT | O_EXCL)) | O_CLOEXEC);
  if (descriptor < 0) return errno;
  /* Not FOPEN_KEEP_CACHE: an open drops the cached pages, so that what has become bad is met. */
  const struct fuse_open_out out = {.fh = (uint64_t)descriptor, .open_flags = opens_direct() ? FOPEN_DIRECT_IO : 0};
  reply(request->in->unique, 0, &out, sizeof out);
  return 0;
}

static int create_file(const struct request* request) {
  const struct fuse_create_in* in = request->argument;
  const int flags = ((int)in->flags & ~O_ACCMODE & ~O_APPEND) | O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  const int descriptor = openat(node_descriptor(id_of(request)), request->tail, flags, in->mode & 07777);
  if (descriptor < 0) return errno;
  if (fchown(descriptor, request->in->uid, request->in->gid) != 0) perror("failing_fs: fchown");
  struct { struct fuse_entry_out entry; struct fuse_open_out open; } out = {
    .open = {.fh = (uint64_t)descriptor, .open_flags = opens_direct() ? FOPEN_DIRECT_IO : 0}};
  const int error = look_up(id_of(request), request->tail, &out.entry);
  if (error != 0) close(descriptor);
  else reply(request->in->unique, 0, &out, sizeof out);
  return error;
}

static int read_file(const struct request* request) {
  static char bytes[kWriteBytesMax];
  const struct fuse_read_in* in = request->argument;
  const int error = bad_read(node_inode(id_of(request)), in->offset, in->size);
  if (error != 0) return error;
  const ssize_t got = pread((int)in->fh, bytes, in->size < sizeof bytes ? in->size : sizeof bytes, (off_t)in->offset);
  if (got < 0) return errno;
  reply(request->in->unique, 0, bytes, (uint32_t)got);
  return 0;
}

static int write_file(const struct request* request) {
  const struct fuse_write_in* in = request->argument;
  const int error = bad_write(node_inode(id_of(request)), in->offset, in->size);
  if (error != 0) return error;
  const ssize_t put = pwrite((int)in->fh, request->tail, in->size, (off_t)in->offset);
  if (put < 0) return errno;
  const struct fuse_write_out out = {.size = (uint32_t)put};
  reply(request->in->unique, 0, &out, sizeof out);
  return 0;
}

static int read_directory(const struct request* request) {
  const struct fuse_read_in* in = request->argument;
  char* bytes = calloc(1, in->size);
  uint32_t used = 0;
  DIR* directory = fdopendir(dup((int)in->fh));
  if (bytes == NULL || directory == NULL) return ENOMEM;
  rewinddir(directory);
  uint64_t number = 0;
  for (struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (++number <= in->offset) continue;
    const uint32_t length = (uint32_t)strlen(entry->d_name);
    const uint32_t record = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
    if (used + record > in->size) break;
    struct fuse_dirent* out = (struct fuse_dirent*)(bytes + used);
    *out = (struct fuse_dirent){.ino = entry->d_ino, .off = number, .namelen = length, .type = entry->d_type};
    memcpy(out->name, entry->d_name, length);
    used += record;
  }
  closedir(directory);
  reply(request->in->unique, 0, bytes, used);
  free(bytes);
  return 0;
}

static int get_attribute(const struct request* request) {
  const struct fuse_getxattr_in* in = request->argument;
  char path[64], value[4096];
  node_path(id_of(request), path);
  const ssize_t length = getxattr(path, request->tail, value, sizeof value);
  if (length < 0) return errno;
  if (in->size == 0) {
    const struct fuse_getxattr_out out = {.size = (uint32_t)length};
    reply(request->in->unique, 0, &out, sizeof out);
    return 0;
  }
  if ((uint32_t)length > in->size) return ERANGE;
  reply(request->in->unique, 0, value, (uint32_t)length);
  return 0;
}

static int done(const struct request* request, int result) {
  if (result != 0) return errno;
  reply(request->in->unique, 0, NULL, 0);
  return 0;
}

static int rename_file(const struct request* request, uint64_t to, unsigned flags, const char* names) {
  const char* second = names + strlen(names) + 1;
  return done(request, renameat2(node_descriptor(id_of(request)), names, node_descriptor(to), second, flags));
}

static int state_filesystem(const struct request* request) {
  struct statvfs status;
  if (fstatvfs(node_descriptor(id_of(request)), &status) != 0) return errno;
  const struct fuse_statfs_out out = {.st = {.blocks = status.f_blocks, .bfree = status.f_bfree, .bavail = status.f_bavail,
    .files = status.f_files, .ffree = status.f_ffree, .bsize = kPageBytes, .namelen = 255, .frsize = kPageBytes}};
  reply(request->in->unique, 0, &out, sizeof out);
  return 0;
}

/* The name that a rule calls the request by; NULL: it never fails. */
static const char* name_of(uint32_t opcode) {
  switch (opcode) {
    case FUSE_LOOKUP: return "lookup";
    case FUSE_GETATTR: return "getattr";
    case FUSE_SETATTR: return "setattr";
    case FUSE_OPEN: return "open";
    case FUSE_CREATE: return "create";
    case FUSE_READ: return "read";
    case FUSE_WRITE: return "write";
    case FUSE_FSYNC: return "fsync";
    case FUSE_FSYNCDIR: return "fsyncdir";
    case FUSE_RENAME: case FUSE_RENAME2: return "rename";
    case FUSE_LINK: return "link";
    case FUSE_UNLINK: return "unlink";
    case FUSE_FALLOCATE: return "fallocate";
    case FUSE_GETXATTR: return "getxattr";
    case FUSE_SETXATTR: return "setxattr";
    case FUSE_REMOVEXATTR: return "removexattr";
    case FUSE_STATFS: return "statfs";
    default: return NULL;
  }
}

static int serve_known(const struct request* request) {
  const void* argument = request->argument;
  const uint64_t id = id_of(request);
  char path[64];
  switch (request->in->opcode) {
    case FUSE_LOOKUP: return entry_reply(request, id, request->tail);
    case FUSE_GETATTR: return attributes_reply(request);
    case FUSE_SETATTR: return set_attributes(request);
    case FUSE_OPEN: case FUSE_OPENDIR: return open_file(request, (int)((const struct fuse_open_in*)argument)->flags);
    case FUSE_CREATE: return create_file(request);
    case FUSE_READ: return read_file(request);
    case FUSE_WRITE: return write_file(request);
    case FUSE_READDIR: return read_directory(request);
    case FUSE_RELEASE: case FUSE_RELEASEDIR: return done(request, close((int)((const struct fuse_release_in*)argument)->fh));
    case FUSE_FLUSH: case FUSE_ACCESS: return done(request, 0);
    case FUSE_FSYNC: case FUSE_FSYNCDIR: return done(request, fsync((int)((const struct fuse_fsync_in*)argument)->fh));
    case FUSE_RENAME: return rename_file(request, ((const struct fuse_rename_in*)argument)->newdir, 0, request->tail);
    case FUSE_RENAME2: {
      const struct fuse_rename2_in* in = argument;
      return rename_file(request, in->newdir, in->flags, request->tail);
    }
    case FUSE_LINK:
      node_path(((const struct fuse_link_in*)argument)->oldnodeid, path);
      if (linkat(AT_FDCWD, path, node_descriptor(id), request->tail, AT_SYMLINK_FOLLOW) != 0) return errno;
      return entry_reply(request, id, request->tail);
    case FUSE_UNLINK: return done(request, unlinkat(node_descriptor(id), request->tail, 0));
    case FUSE_FALLOCATE: {
      const struct fuse_fallocate_in* in = argument;
      return done(request, fallocate((int)in->fh, (int)in->mode, (off_t)in->offset, (off_t)in->length));
    }
    case FUSE_GETXATTR: return get_attribute(request);
    case FUSE_SETXATTR: {
      const struct fuse_setxattr_in* in = argument;
      node_path(id, path);
      return done(request, setxattr(path, request->tail, request->tail + strlen(request->tail) + 1, in->size, (int)in->flags));
    }
    case FUSE_REMOVEXATTR:
      node_path(id, path);
      return done(request, removexattr(path, request->tail));
    case FUSE_STATFS: return state_filesystem(request);
    case FUSE_GETLK: case FUSE_SETLK: case FUSE_SETLKW: return ENOLCK;
    default: return ENOSYS;
  }
}

void serve(const struct request* request) {
  const uint32_t opcode = request->in->opcode;
  if (opcode == FUSE_FORGET) forget(id_of(request), ((const struct fuse_forget_in*)request->argument)->nlookup);
  if (opcode == FUSE_BATCH_FORGET) {
    const struct fuse_batch_forget_in* in = request->argument;
    const struct fuse_forget_one* one = (const struct fuse_forget_one*)(in + 1);
    for (uint32_t i = 0; i < in->count; i++) forget(one[i].nodeid, one[i].nlookup);
  }
  /* These have no answer. */
  if (opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT) return;
  const char* name = name_of(opcode);
  int error = name == NULL ? 0 : fault_of(name);
  if (error == 0) error = serve_known(request);
  if (error != 0) reply(request->in->unique, error, NULL, 0);
}
