/* The inodes that the kernel knows of, by number. */
#include "failing_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { kNodesMax = 4096 };

struct node {
  /* Opened with O_PATH: it stays with the inode, whatever happens to its name. 0: this number is free. */
  int descriptor;
  uint64_t inode;
  uint64_t lookups;
};

/* The root is number 1, as the protocol has it. */
static struct node nodes[kNodesMax + 1];

int open_root(const char* folder) {
  const int descriptor = open(folder, O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (descriptor < 0) return errno;
  nodes[FUSE_ROOT_ID].descriptor = descriptor;
  return 0;
}

int node_descriptor(uint64_t id) { return nodes[id].descriptor; }
uint64_t node_inode(uint64_t id) { return nodes[id].inode; }

void node_path(uint64_t id, char path[64]) { snprintf(path, 64, "/proc/self/fd/%d", nodes[id].descriptor); }

void fill_attributes(const struct stat* status, struct fuse_attr* attributes) {
  memset(attributes, 0, sizeof *attributes);
  attributes->ino = status->st_ino;
  attributes->size = (uint64_t)status->st_size;
  attributes->blocks = (uint64_t)status->st_blocks;
  attributes->atime = (uint64_t)status->st_atim.tv_sec;
  attributes->mtime = (uint64_t)status->st_mtim.tv_sec;
  attributes->ctime = (uint64_t)status->st_ctim.tv_sec;
  attributes->atimensec = (uint32_t)status->st_atim.tv_nsec;
  attributes->mtimensec = (uint32_t)status->st_mtim.tv_nsec;
  attributes->ctimensec = (uint32_t)status->st_ctim.tv_nsec;
  attributes->mode = status->st_mode;
  attributes->nlink = (uint32_t)status->st_nlink;
  attributes->uid = status->st_uid;
  attributes->gid = status->st_gid;
  attributes->blksize = kPageBytes;
}

/* The number of an inode that is known, or a free one; 0 if there is none left. */
static uint64_t number_of(uint64_t inode) {
  uint64_t vacant = 0;
  for (uint64_t id = FUSE_ROOT_ID + 1; id <= kNodesMax; id++) {
    if (nodes[id].descriptor == 0) vacant = vacant == 0 ? id : vacant;
    else if (nodes[id].inode == inode) return id;
  }
  return vacant;
}

int look_up(uint64_t parent, const char* name, struct fuse_entry_out* entry) {
  const int descriptor = openat(node_descriptor(parent), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return errno;
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    const int error = errno;
    close(descriptor);
    return error;
  }
  const uint64_t id = number_of(status.st_ino);
  if (id == 0 || nodes[id].descriptor != 0) close(descriptor);
  if (id == 0) return ENFILE;
  if (nodes[id].descriptor == 0) nodes[id] = (struct node){.descriptor = descriptor, .inode = status.st_ino};
  nodes[id].lookups++;
  memset(entry, 0, sizeof *entry);
  entry->nodeid = id;
  /* Not cached: entry_valid and attr_valid are 0. */
  fill_attributes(&status, &entry->attr);
  return 0;
}

void forget(uint64_t id, uint64_t lookups) {
  if (id <= FUSE_ROOT_ID || id > kNodesMax || nodes[id].descriptor == 0) return;
  nodes[id].lookups -= lookups;
  if (nodes[id].lookups > 0) return;
  close(nodes[id].descriptor);
  nodes[id] = (struct node){0};
}
