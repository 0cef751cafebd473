// Journals: on threads of the pool, and at once for a persist() that has to change one.
#include <string>
#include <vector>

#include "arguments.h"
#include "async_call.h"
#include "functions.h"

namespace binding {
namespace {

class ReadJournalCall final : public AsyncCall {
 public:
  ReadJournalCall(FileHandle* file, std::string place, uint64_t limit)
      : AsyncCall(file, Order::any), place_(std::move(place)), limit_(limit) {}

 protected:
  void run() override { read_ = file()->journal.read(place_, limit_); }

  napi_value settle(napi_env env) override { return journal_outcome(env, read_); }

 private:
  std::string place_;
  uint64_t limit_;
  pmem::DurableRead read_;
};

// What writeJournal() takes: place, bytes, mark, name of the temporary file, whether there is none yet.
struct Replacement {
  std::string place;
  ByteSpan bytes;
  std::string mark;
  std::string temporary;
  bool is_new = false;

  bool from(const Arguments<5>& arguments) {
    ByteSpan span;
    if (!arguments.text(0, &place) || !arguments.span(1, &bytes) || !arguments.span(2, &span)) return false;
    mark.assign(reinterpret_cast<const char*>(span.data), span.length);
    return arguments.text(3, &temporary) && arguments.boolean(4, &is_new);
  }
};

}  // namespace

napi_value read_journal(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string place;
  uint64_t limit = 0;
  if (file == nullptr || !arguments.text(0, &place) || !arguments.bytes(1, &limit)) return nullptr;
  return AsyncCall::start(env, std::make_unique<ReadJournalCall>(file, std::move(place), limit));
}

napi_value read_journal_sync(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string place;
  uint64_t limit = 0;
  if (file == nullptr || !arguments.text(0, &place) || !arguments.bytes(1, &limit)) return nullptr;
  return journal_outcome(env, file->journal.read(place, limit));
}

napi_value write_journal(napi_env env, napi_callback_info info) {
  const Arguments<5> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  Replacement with;
  if (file == nullptr || !with.from(arguments)) return nullptr;
  const uint64_t turn = file->journal.take_turn();
  // A copy: the array is JavaScript's to change as soon as this returns.
  std::vector<unsigned char> bytes(with.bytes.data, with.bytes.data + with.bytes.length);
  return start_status_call(env, file, [file, turn, with, bytes = std::move(bytes)] {
    return file->journal.replace(turn, with.place, {bytes.data(), bytes.size(), with.mark, with.temporary, with.is_new});
  });
}

napi_value write_journal_sync(napi_env env, napi_callback_info info) {
  const Arguments<5> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  Replacement with;
  if (file == nullptr || !with.from(arguments)) return nullptr;
  const uint64_t turn = file->journal.take_turn();
  return failure_or_undefined(env, file->journal.replace(turn, with.place,
                                                         {with.bytes.data, with.bytes.length, with.mark, with.temporary, with.is_new}));
}

napi_value remove_journal(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string place;
  if (file == nullptr || !arguments.text(0, &place)) return nullptr;
  const uint64_t turn = file->journal.take_turn();
  return start_status_call(env, file, [file, turn, place] { return file->journal.remove(turn, place); });
}

napi_value remove_journal_sync(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  FileHandle* const file = arguments.open_file();
  std::string place;
  if (file == nullptr || !arguments.text(0, &place)) return nullptr;
  return failure_or_undefined(env, file->journal.remove(file->journal.take_turn(), place));
}

}  // namespace binding
