// Opening a file on a thread of the pool.
#pragma once

#include <memory>
#include <string>

#include <node_api.h>

#include "../pmem/open_file.h"
#include "open_files.h"

namespace binding {

// A promise of `{ handle, …facts }` or `{ failure }`.
napi_value start_open(napi_env env, std::string path, const pmem::OpenOptions& options, std::shared_ptr<OpenFiles> files);

}  // namespace binding
