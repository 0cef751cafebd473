// The journal beside the file: on threads of the pool, and at once for a persist() that has to change it.
#include <vector>

#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

class ReadJournalCall final : public AsyncCall {
 public:
  ReadJournalCall(FileHandle* file, uint64_t limit) : AsyncCall(file, Order::any), limit_(limit) {}

 protected:
  void run() override { read_ = file()->journal.read(limit_); }

  napi_value settle(napi_env env) override { return journal_outcome(env, read_); }

 private:
  uint64_t limit_;
  pmem::DurableRead read_;
};

}  // namespace

napi_value read_journal(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t limit = 0;
  if (file == nullptr || !arguments.bytes(0, &limit)) return nullptr;
  return AsyncCall::start(env, std::make_unique<ReadJournalCall>(file, limit));
}

napi_value write_journal(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  ByteSpan span;
  if (file == nullptr || !arguments.span(0, &span)) return nullptr;
  const uint64_t turn = file->journal.take_turn();
  // A copy: the array is JavaScript's to change as soon as this returns.
  return start_status_call(env, file,
                           [file, turn, bytes = std::vector<unsigned char>(span.data, span.data + span.length)] {
                             return file->journal.replace(turn, bytes.data(), bytes.size());
                           });
}

napi_value remove_journal(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  if (file == nullptr) return nullptr;
  const uint64_t turn = file->journal.take_turn();
  return start_status_call(env, file, [file, turn] { return file->journal.remove(turn); });
}

napi_value read_journal_sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  uint64_t limit = 0;
  if (file == nullptr || !arguments.bytes(0, &limit)) return nullptr;
  return journal_outcome(env, file->journal.read(limit));
}

napi_value replace_journal_sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  ByteSpan bytes;
  if (file == nullptr || !arguments.span(0, &bytes)) return nullptr;
  pmem::DurableFile& journal = file->journal;
  const uint64_t turn = journal.take_turn();
  return failure_or_undefined(
      env, bytes.length == 0 ? journal.remove(turn) : journal.replace(turn, bytes.data, bytes.length));
}

}  // namespace binding
