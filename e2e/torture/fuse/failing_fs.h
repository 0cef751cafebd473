/* A FUSE filesystem that passes everything on to a folder, and fails as it is told. See README.md one folder up. */
#ifndef FAILING_FS_H
#define FAILING_FS_H

#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { kPageBytes = 4096, kWriteBytesMax = 128 * 1024 };

/* The kernel's request: its header, and what follows it. */
struct request {
  const struct fuse_in_header* in;
  const void* argument;
  /* The bytes after `argument` of `argument_bytes`: names, or what is written. */
  const char* tail;
};

/* failing_fs.c: answers. `error` is an errno, 0 for success. */
void reply(uint64_t unique, int error, const void* bytes, uint32_t length);

/* nodes.c: what the kernel knows by a number, as a descriptor that stays with the inode through renames. */
int open_root(const char* folder);
int node_descriptor(uint64_t id);
uint64_t node_inode(uint64_t id);
/* Looks `name` up in `parent` and fills `entry`; an errno, 0 for success. */
int look_up(uint64_t parent, const char* name, struct fuse_entry_out* entry);
void forget(uint64_t id, uint64_t lookups);
/* The node's file by a name that open(2) and others take. */
void node_path(uint64_t id, char path[64]);
void fill_attributes(const struct stat* status, struct fuse_attr* attributes);

/* requests.c */
void serve(const struct request* request);

/* faults.c: one command a line, from whoever started this process. */
void obey(const char* line);
/* The errno that a request of this name is to fail with; 0 for none. May take its time first, if it was told to. */
int fault_of(const char* name);
/* Whether files are opened so that they cannot be mapped. */
int opens_direct(void);
/* EIO if [offset, offset + length) of the inode touches a bad page. */
int bad_read(uint64_t inode, uint64_t offset, uint64_t length);
/* The same for a write: what covers a bad page wholly clears it, unless the device cannot. */
int bad_write(uint64_t inode, uint64_t offset, uint64_t length);

#endif
