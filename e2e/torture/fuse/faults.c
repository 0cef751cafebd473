/*
 * Commands:
 *   bad INODE PAGE            the page cannot be read, nor written in part; a write of the whole page clears it
 *   unclearable               no write clears a bad page, from now on
 *   fail REQUEST ERRNO COUNT  the next COUNT requests of this name (`read`, `write`, `fsync`, …) fail
 *   slow REQUEST MS COUNT     the next COUNT requests of this name take that long
 *   hold REQUEST              says `held` when the next request of this name comes, and serves nothing until the next command
 *   release                   only ends a hold
 *   direct                    files that are opened from now on cannot be mapped: their server wants every read and write itself
 *   calm                      no more failures and delays; bad pages stay bad
 *   heal                      forgets all of it
 */
#include "failing_fs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kBadMax = 256, kRulesMax = 32, kUntilNextCommand = -1 };

static struct { uint64_t inode, page; } bad[kBadMax];
static int bad_count = 0;
static int clears = 1;
static int direct = 0;

static struct { char name[16]; int error; int delay_ms; int left; } rules[kRulesMax];
static int rule_count = 0;

static int add_rule(const char* name, int error, int delay_ms, int left) {
  if (rule_count == kRulesMax) return 0;
  snprintf(rules[rule_count].name, sizeof rules[0].name, "%.15s", name);
  rules[rule_count].error = error;
  rules[rule_count].delay_ms = delay_ms;
  rules[rule_count].left = left;
  rule_count++;
  return 1;
}

static int add_bad(uint64_t inode, uint64_t page) {
  if (bad_count == kBadMax) return 0;
  bad[bad_count].inode = inode;
  bad[bad_count].page = page;
  bad_count++;
  return 1;
}

static int calm(void) {
  rule_count = 0;
  return 1;
}

static int heal(void) {
  bad_count = 0;
  clears = 1;
  direct = 0;
  return calm();
}

void obey(const char* line) {
  unsigned long long inode, page;
  char name[16];
  int number, count;
  int understood = 0;
  if (sscanf(line, "bad %llu %llu", &inode, &page) == 2) understood = add_bad(inode, page);
  else if (sscanf(line, "fail %15s %d %d", name, &number, &count) == 3) understood = add_rule(name, number, 0, count);
  else if (sscanf(line, "slow %15s %d %d", name, &number, &count) == 3) understood = add_rule(name, 0, number, count);
  else if (sscanf(line, "hold %15s", name) == 1) understood = add_rule(name, 0, kUntilNextCommand, 1);
  else if (strcmp(line, "release") == 0) understood = 1;
  else if (strcmp(line, "unclearable") == 0) understood = !(clears = 0);
  else if (strcmp(line, "direct") == 0) understood = direct = 1;
  else if (strcmp(line, "calm") == 0) understood = calm();
  else if (strcmp(line, "heal") == 0) understood = heal();
  puts(understood ? "ok" : "what?");
  fflush(stdout);
}

static void delay(int delay_ms) {
  if (delay_ms == kUntilNextCommand) {
    struct pollfd commands = {STDIN_FILENO, POLLIN, 0};
    puts("held");
    fflush(stdout);
    poll(&commands, 1, -1);
  } else {
    const struct timespec wait = {delay_ms / 1000, delay_ms % 1000 * 1000000L};
    nanosleep(&wait, NULL);
  }
}

int fault_of(const char* name) {
  for (int i = 0; i < rule_count; i++) {
    if (rules[i].left <= 0 || strcmp(rules[i].name, name) != 0) continue;
    rules[i].left--;
    if (rules[i].delay_ms != 0) delay(rules[i].delay_ms);
    return rules[i].error;
  }
  return 0;
}

int opens_direct(void) { return direct; }

int bad_read(uint64_t inode, uint64_t offset, uint64_t length) {
  for (int i = 0; i < bad_count; i++) {
    if (bad[i].inode == inode && offset < (bad[i].page + 1) * kPageBytes && bad[i].page * kPageBytes < offset + length) return EIO;
  }
  return 0;
}

int bad_write(uint64_t inode, uint64_t offset, uint64_t length) {
  for (int i = bad_count - 1; i >= 0; i--) {
    const uint64_t begin = bad[i].page * kPageBytes;
    if (bad[i].inode != inode || offset >= begin + kPageBytes || begin >= offset + length) continue;
    if (!clears || offset > begin || offset + length < begin + kPageBytes) return EIO;
    bad[i] = bad[--bad_count];
  }
  return 0;
}
