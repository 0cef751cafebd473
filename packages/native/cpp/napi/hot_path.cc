// Loads, stores and what makes them durable: a few Node-API calls each, no JavaScript on success.
#include <cerrno>
#include <vector>

#include "../pmem/guarded_copy.h"
#include "arguments.h"
#include "functions.h"

namespace binding {
namespace {

// What a system call on a closed descriptor would give.
constexpr pmem::Status kClosed = {EBADF, "msync"};

// What read and write share. The mapping's bounds are checked here although PmemFile has checked them: beyond them lies
// whatever the process has mapped next, and no sanitizer sees an overrun of a mapping.
struct Copy {
  FileHandle* file = nullptr;
  ByteSpan buffer = {nullptr, 0};
  unsigned char* mapped = nullptr;

  bool prepare(napi_env env, napi_callback_info info) {
    const Arguments<2> arguments(env, info);
    uint64_t position = 0;
    FileHandle* const open = arguments.open_file();
    if (open == nullptr || !arguments.span(0, &buffer) || !arguments.bytes(1, &position)) return false;
    return place(env, open, position);
  }

  bool place(napi_env env, FileHandle* in, uint64_t position) {
    file = in;
    if (!file->holds(position, buffer.length)) {
      throw_outside_mapping(env, position, buffer.length, file->mapped_bytes);
      return false;
    }
    mapped = file->base + position;
    // Nothing to copy, and for an empty file or array no address to copy from or to.
    return buffer.length > 0;
  }

  // A store to a mapping without PROT_WRITE is a SIGSEGV, against which there is no guard.
  bool may_store(napi_env env) const {
    if (!file->writable) napi_throw_error(env, "ERR_PMEM_READ_ONLY", "the file is open for reading only");
    return file->writable;
  }
};

// A fault in a window puts zeros in the place of a page until takeFault(). Code that touched the window and did not ask is
// not told here. But no call takes the zeros for bytes of the file, or stores into a page that is about to go away.
bool zeros_taken_away(FileHandle* file, pmem::FaultFacts* fault) {
  const std::shared_ptr<pmem::Mapping>& mapping = file->mapping();
  if (mapping == nullptr || mapping->log()->count() == 0) return false;
  const bool taken = mapping->take_fault(file->file.fd.number(), fault);
  // A failure to map the pages back leaves nothing mapped.
  file->mapped_bytes = mapping->length();
  return taken;
}

// Called before a store or a load of memory. True if the range is still mapped.
bool cleared(const Copy& copy, pmem::FaultFacts* fault) {
  return !zeros_taken_away(copy.file, fault) ||
         copy.file->holds(static_cast<uint64_t>(copy.mapped - copy.file->base), copy.buffer.length);
}

// guarded_copy() between two looks at the count of substitutions.
bool copied(const Copy& copy, void* destination, const void* source, pmem::FaultFacts* fault) {
  if (!cleared(copy, fault)) return false;
  const pmem::SubstitutionLog& log = *copy.file->mapping()->log();
  const uint32_t before = log.ever();
  if (!pmem::guarded_copy(destination, source, copy.buffer.length, copy.mapped, fault)) return false;
  return log.ever() == before || !zeros_taken_away(copy.file, fault);
}

// undefined if all bytes were loaded.
napi_value load(napi_env env, const Copy& copy) {
  pmem::FaultFacts fault;
  if (copied(copy, copy.buffer.data, copy.mapped, &fault)) return nullptr;
  return fault_object(env, fault, copy.file->base);
}

}  // namespace

napi_value read(napi_env env, napi_callback_info info) {
  Copy copy;
  return copy.prepare(env, info) ? load(env, copy) : nullptr;
}

// readByNumber(target): read() of whatever file, with position and file as OpenFiles says. The engine calls one
// function of all files directly, and functions that differ from file to file by a detour of 20 ns (Node 20).
napi_value read_by_number(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value target = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &target, nullptr, &data) != napi_ok) return nullptr;
  const OpenFiles& files = *static_cast<OpenFiles*>(data);
  const double position = files.call[0];
  FileHandle* const file = files.at(files.call[1]);
  if (file == nullptr || file->closed) {
    napi_throw_error(env, "ERR_PMEM_CLOSED", "the file is closed");
    return nullptr;
  }
  if (!is_byte_count(position)) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "a number of bytes is an integer from 0 to 2^53 - 1");
    return nullptr;
  }
  Copy copy;
  if (!to_byte_span(env, target, &copy.buffer)) return nullptr;
  return copy.place(env, file, static_cast<uint64_t>(position)) ? load(env, copy) : nullptr;
}

napi_value write(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!copy.prepare(env, info) || !copy.may_store(env)) return nullptr;
  pmem::FaultFacts fault;
  if (copied(copy, copy.mapped, copy.buffer.data, &fault)) return nullptr;
  return fault_object(env, fault, copy.file->base);
}

napi_value persist(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  if (arguments.closed()) return failure_or_undefined(env, kClosed);
  FileHandle* const file = arguments.open_file();
  uint64_t position = 0;
  uint64_t length = 0;
  if (!arguments.mapped_range(0, &position, &length)) return nullptr;
  pmem::FaultFacts untaken;
  zeros_taken_away(file, &untaken);
  const pmem::PersistOutcome outcome =
      file->persist_now([&](const pmem::Mapping& mapping) { return mapping.persist(position, length); });
  return outcome.ok() ? nullptr : persist_outcome(env, outcome, file->base);
}

// persistRanges(Float64Array of positions and lengths in turn)
napi_value persist_ranges(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (arguments.closed()) return failure_or_undefined(env, kClosed);
  FileHandle* const file = arguments.open_file();
  DoubleSpan pairs;
  if (!arguments.doubles(0, &pairs)) return nullptr;
  if (pairs.length % 2 != 0) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "expected a Float64Array of pairs");
    return nullptr;
  }
  // Of few ranges nothing is allocated.
  constexpr size_t kFew = 8;
  pmem::Range few[kFew];
  const size_t count = pairs.length / 2;
  std::vector<pmem::Range> many(count > kFew ? count : 0);
  pmem::Range* const ranges = count > kFew ? many.data() : few;
  for (size_t i = 0; i < count; i++) {
    const double position = pairs.data[2 * i];
    const double bytes = pairs.data[2 * i + 1];
    const bool whole = is_byte_count(position) && is_byte_count(bytes);
    ranges[i] = whole ? pmem::Range{static_cast<uint64_t>(position), static_cast<uint64_t>(bytes)} : pmem::Range{UINT64_MAX, 0};
    if (!file->holds(ranges[i].position, ranges[i].length)) {
      throw_outside_mapping(env, ranges[i].position, ranges[i].length, file->mapped_bytes);
      return nullptr;
    }
  }
  pmem::FaultFacts untaken;
  zeros_taken_away(file, &untaken);
  const pmem::PersistOutcome outcome = file->persist_now([&](const pmem::Mapping& mapping) {
    return mapping.persist_all(ranges, count);
  });
  return outcome.ok() ? nullptr : persist_outcome(env, outcome, file->base);
}

napi_value write_and_persist(napi_env env, napi_callback_info info) {
  Copy copy;
  if (!copy.prepare(env, info) || !copy.may_store(env)) return nullptr;
  const uint64_t position = static_cast<uint64_t>(copy.mapped - copy.file->base);
  pmem::PersistOutcome outcome;
  if (!cleared(copy, &outcome.fault)) outcome.faulted = true;
  else outcome = copy.file->persist_now([&](const pmem::Mapping& mapping) {
    return mapping.write_and_persist(position, copy.buffer.data, copy.buffer.length);
  });
  return outcome.ok() ? nullptr : persist_outcome(env, outcome, copy.file->base);
}

}  // namespace binding
