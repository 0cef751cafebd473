// The functions of a handle. Each receives its FileHandle as callback data, so that no call has to look up `this`.
#pragma once

#include <node_api.h>

namespace binding {

// hot_path.cc: at memory speed, on the JavaScript thread.
napi_value read(napi_env env, napi_callback_info info);
napi_value read_by_number(napi_env env, napi_callback_info info);
napi_value write(napi_env env, napi_callback_info info);
napi_value persist(napi_env env, napi_callback_info info);
napi_value persist_ranges(napi_env env, napi_callback_info info);
napi_value write_and_persist(napi_env env, napi_callback_info info);

// window_calls.cc: memory that JavaScript touches by itself.
napi_value window(napi_env env, napi_callback_info info);
napi_value fault_counter(napi_env env, napi_callback_info info);
napi_value take_fault(napi_env env, napi_callback_info info);
napi_value view(napi_env env, napi_callback_info info);
napi_value detach(napi_env env, napi_callback_info info);

// probe_remap.cc: on the JavaScript thread, because a synchronous read or write cannot go on without the answer.
napi_value probe(napi_env env, napi_callback_info info);
napi_value remap(napi_env env, napi_callback_info info);
napi_value mapped_bytes(napi_env env, napi_callback_info info);

// transfer_calls.cc
napi_value pread(napi_env env, napi_callback_info info);
napi_value pwrite(napi_env env, napi_callback_info info);
napi_value scrub(napi_env env, napi_callback_info info);
napi_value rewrite(napi_env env, napi_callback_info info);

// file_calls.cc
napi_value persist_async(napi_env env, napi_callback_info info);
napi_value sync(napi_env env, napi_callback_info info);
napi_value zero_range(napi_env env, napi_callback_info info);
napi_value try_zero_range(napi_env env, napi_callback_info info);
napi_value truncate(napi_env env, napi_callback_info info);
napi_value file_size(napi_env env, napi_callback_info info);
napi_value file_size_sync(napi_env env, napi_callback_info info);
napi_value extents(napi_env env, napi_callback_info info);
napi_value lock(napi_env env, napi_callback_info info);
napi_value unlock(napi_env env, napi_callback_info info);

// journal_calls.cc
napi_value read_journal(napi_env env, napi_callback_info info);
napi_value write_journal(napi_env env, napi_callback_info info);
napi_value remove_journal(napi_env env, napi_callback_info info);
napi_value read_journal_sync(napi_env env, napi_callback_info info);
napi_value write_journal_sync(napi_env env, napi_callback_info info);
napi_value remove_journal_sync(napi_env env, napi_callback_info info);

// mark_calls.cc: the mark of the file, and its names.
napi_value read_mark(napi_env env, napi_callback_info info);
napi_value write_mark(napi_env env, napi_callback_info info);
napi_value write_mark_sync(napi_env env, napi_callback_info info);
napi_value names(napi_env env, napi_callback_info info);

// memory_calls.cc: of no file, but of all that are mapped.
napi_value watch_memory(napi_env env, napi_callback_info info);

// space_calls.cc: of a filesystem.
napi_value space_of(napi_env env, napi_callback_info info);

// unit_calls.cc
napi_value read_each(napi_env env, napi_callback_info info);

// resize_close.cc
napi_value avoid_huge_pages(napi_env env, napi_callback_info info);
napi_value resize(napi_env env, napi_callback_info info);
napi_value close(napi_env env, napi_callback_info info);

}  // namespace binding
