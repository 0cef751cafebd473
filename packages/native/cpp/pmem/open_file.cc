#include "open_file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ask_statx.h"
#include "media.h"
#include "owners.h"
#include "range_lock.h"
#include "sigbus_guard.h"

#ifndef STATX_ATTR_DAX
#define STATX_ATTR_DAX 0x00200000
#endif

namespace pmem {
namespace {

Status resolve(const std::string& path, std::string* resolved) {
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return {errno, "realpath"};
  *resolved = real;
  free(real);
  return {};
}

// For a file that does not exist yet only its directory can be resolved. Nothing is created through a link that leads
// nowhere: whoever may write into a shared directory would choose where.
Status resolve_new(const std::string& path, std::string* resolved) {
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return {ENOENT, "open"};
  std::string directory;
  const Status status = resolve(slash == std::string::npos ? "." : path.substr(0, slash + 1), &directory);
  if (!status.ok()) return status;
  *resolved = directory == "/" ? "/" + name : directory + "/" + name;
  struct stat found;
  if (lstat(resolved->c_str(), &found) == 0 && S_ISLNK(found.st_mode)) return {ENOENT, "open"};
  return {};
}

Status refuse_unless_regular(mode_t mode) {
  if (S_ISREG(mode)) return {};
  return {S_ISDIR(mode) ? EISDIR : ENXIO, "open"};
}

// Opens `file->path`, which has no symbolic links left, unless another program has just put one there: then O_NOFOLLOW
// says ELOOP. `exclusive` creates.
Status open_resolved(bool read_only, bool exclusive, OpenedFile* file) {
  const size_t slash = file->path.rfind('/');
  file->name = file->path.substr(slash + 1);
  const std::string directory = slash == 0 ? "/" : file->path.substr(0, slash);
  file->directory = FileDescriptor(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!file->directory.valid()) return {errno, "open"};

  if (!exclusive) {
    struct stat before;
    if (fstatat(file->directory.number(), file->name.c_str(), &before, AT_SYMLINK_NOFOLLOW) != 0) {
      return {errno, "open"};
    }
    if (S_ISLNK(before.st_mode)) return {ELOOP, "open"};
    const Status regular = refuse_unless_regular(before.st_mode);
    if (!regular.ok()) return regular;
  }
  // O_NONBLOCK: should a FIFO take the name between the two calls, the open must not wait for a writer.
  const int flags = (read_only && !exclusive ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
                    (exclusive ? O_CREAT | O_EXCL : 0);
  file->fd = FileDescriptor(openat(file->directory.number(), file->name.c_str(), flags, 0600));
  if (!file->fd.valid()) return {errno, "open"};
  struct stat opened;
  if (fstat(file->fd.number(), &opened) != 0) return {errno, "fstat"};
  const Status regular = refuse_unless_regular(opened.st_mode);
  if (!regular.ok()) return regular;
  if (fcntl(file->fd.number(), F_SETFL, 0) != 0) return {errno, "fcntl"};
  return {};
}

// Follows the path to an existing file, or creates it. Another process may create or remove it in between: a few tries.
Status open_existing_or_new(const char* path, const OpenOptions& options, OpenedFile* file, bool* created) {
  Status status;
  for (int attempt = 0; attempt < 8; attempt++) {
    *created = false;
    status = resolve(path, &file->path);
    if (status.ok()) {
      status = open_resolved(options.read_only, false, file);
      if (status.error != ENOENT && status.error != ELOOP) return status;
    } else if (status.error == ENOENT && options.create) {
      status = resolve_new(path, &file->path);
      if (status.ok()) status = open_resolved(options.read_only, true, file);
      *created = status.ok();
      if (status.error != EEXIST) return status;
    } else {
      return status;
    }
  }
  return status;
}

Status sync_directory(int directory) {
  const FileDescriptor readable(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable.valid()) return {errno, "open"};
  return fsync(readable.number()) == 0 ? Status{} : Status{errno, "fsync"};
}

// Whether this process can map so many bytes of the file, asked before a file of that size is left to others. There may
// be no room, and a filesystem in user space may have no mappings.
Status ask_for_mapping(int fd, uint64_t size) {
  void* const room = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (room == MAP_FAILED) return {errno, "mmap"};
  munmap(room, size);
  return {};
}

// fsync of the file and of its directory: persist() would promise little if a power loss could take the name away.
Status give_initial_size(const OpenOptions& options, bool created, const OpenedFile& file) {
  const int fd = file.fd.number();
  // The umask, or a default access list of the directory, may have taken bits from open's mode.
  if (created && fchmod(fd, 0600) != 0) return {errno, "fchmod"};
  if (options.has_size && options.size > 0) {
    const Status mappable = ask_for_mapping(fd, options.size);
    if (!mappable.ok()) return mappable;
    // From 0: another process may have appended to the file between its creation and here.
    const Status sized = resize_to(fd, 0, options.size, options.preallocate);
    if (!sized.ok()) return sized;
  }
  if (fsync(fd) != 0) return {errno, "fsync"};
  return sync_directory(file.directory.number());
}

// Removes the name only while it still is the file that this open created, and nothing has been written into it.
void undo_creation(const OpenOptions& options, bool created, const OpenedFile& file) {
  struct stat ours;
  if (fstat(file.fd.number(), &ours) != 0) return;
  // Bytes of another process are in it: they stay.
  const uint64_t size = static_cast<uint64_t>(ours.st_size);
  if (size != 0 && (size != options.size || (ours.st_blocks > 0 && !options.preallocate))) return;
  if (!created) {
    truncate_to(file.fd.number(), 0);
    return;
  }
  struct stat named;
  if (fstatat(file.directory.number(), file.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
    unlinkat(file.directory.number(), file.name.c_str(), 0);
  }
}

bool has_dax(const struct statx& facts) { return (facts.stx_attributes & STATX_ATTR_DAX) != 0; }

// Without statx there is no DAX attribute and no birth time.
void gather_statx_facts(OpenedFile* file) {
  struct statx facts = {};
  if (!ask_statx(file->fd.number(), STATX_BASIC_STATS | STATX_BTIME, &facts)) return;
  file->dax = has_dax(facts);
  if ((facts.stx_mask & STATX_BTIME) == 0 || facts.stx_btime.tv_sec < 0) return;
  file->birth_time_ns = static_cast<uint64_t>(facts.stx_btime.tv_sec) * 1'000'000'000 + facts.stx_btime.tv_nsec;
}

Status gather_facts(OpenedFile* file, uint64_t* size) {
  struct stat facts;
  if (fstat(file->fd.number(), &facts) != 0) return {errno, "fstat"};
  struct statfs filesystem;
  if (fstatfs(file->fd.number(), &filesystem) != 0) return {errno, "fstatfs"};
  *size = static_cast<uint64_t>(facts.st_size);
  file->inode = facts.st_ino;
  file->owner = owner_of(file->fd.number(), facts);
  file->group = group_of(facts);
  file->mode = facts.st_mode & 07777;
  file->modified_ms = milliseconds_of(facts.st_mtim);
  file->changed_ms = milliseconds_of(facts.st_ctim);
  file->device_major = major(facts.st_dev);
  file->device_minor = minor(facts.st_dev);
  // The kernel's field is signed and some magic numbers have the top bit set: no sign extension.
  file->filesystem_magic = static_cast<uint32_t>(filesystem.f_type);
  file->block_bytes = static_cast<uint64_t>(filesystem.f_bsize);
  gather_statx_facts(file);
  return {};
}

}  // namespace

bool is_on_dax(int fd) {
  struct statx facts = {};
  return ask_statx(fd, STATX_BASIC_STATS, &facts) && has_dax(facts);
}

Status open_file(const char* path, const OpenOptions& options, OpenedFile* file) {
  const int guard = install_sigbus_guard();
  if (guard != 0) return {guard, "sigaction"};

  bool created = false;
  Status status = open_existing_or_new(path, options, file, &created);
  if (!status.ok()) return status;
  uint64_t size = 0;
  status = file_size(file->fd.number(), &size);
  bool is_new = created;
  if (status.ok() && options.create && !options.read_only && size == 0) {
    // Of several that find the file empty one gives it its size, and the others find it as that one left it.
    const bool locked = lock_creation(file->fd.number());
    status = file_size(file->fd.number(), &size);
    is_new = status.ok() && size == 0;
    if (is_new) {
      status = give_initial_size(options, created, *file);
      if (!status.ok()) undo_creation(options, created, *file);
    }
    if (locked) unlock_creation(file->fd.number());
  }
  if (status.ok()) status = gather_facts(file, &size);
  if (status.ok()) status = Mapping::map(file->fd.number(), size, !options.read_only, &file->mapping);
  file->is_new = is_new && size > 0;
  return status;
}

}  // namespace pmem
