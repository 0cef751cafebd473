{
  "variables": {
    # GYP_DEFINES=sanitize=address | undefined | thread
    "sanitize%": "",
    # The build script sets this in a checkout; the published package has no test sources.
    "fault_injector%": "0",
  },
  "target_defaults": {
    # Node's own common.gypi decides -O3 and the dialect, and differs from release to release.
    "cflags!": ["-O3"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-std=gnu++23"],
    # The switches are kept in the binary, so that a test can tell how the very binary it runs was compiled.
    "cflags": ["-O2", "-frecord-gcc-switches", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"],
    "cflags_cc": ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fvisibility-inlines-hidden"],
    "configurations": { "Release": { "cflags!": ["-O3"] } },
    # now: a missing symbol fails at load, not in the middle of a call.
    # nodelete: Node unloads an addon with the last worker that used it; the signal handler has to stay.
    "ldflags": ["-Wl,-z,relro,-z,now,-z,nodelete"],
    "conditions": [
      ["sanitize!=''", {
        "cflags!": ["-O2"],
        "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g", "-O1"],
        "ldflags": ["-fsanitize=<(sanitize)"],
      }],
    ],
  },
  "targets": [
    {
      "target_name": "safe_pmem",
      "sources": [
        "cpp/napi/addon.cc",
        "cpp/napi/after_fault.cc",
        "cpp/napi/async_call.cc",
        "cpp/napi/file_handle.cc",
        "cpp/napi/handle.cc",
        "cpp/napi/hot_path.cc",
        "cpp/napi/journal_calls.cc",
        "cpp/napi/life_calls.cc",
        "cpp/napi/mark_calls.cc",
        "cpp/napi/open_call.cc",
        "cpp/napi/range_calls.cc",
        "cpp/napi/transfer_calls.cc",
        "cpp/napi/unit_calls.cc",
        "cpp/napi/values.cc",
        "cpp/napi/window_calls.cc",
        "cpp/pmem/durable_file.cc",
        "cpp/pmem/extents.cc",
        "cpp/pmem/guarded_copy.cc",
        "cpp/pmem/mapped_ranges.cc",
        "cpp/pmem/mapping.cc",
        "cpp/pmem/mark.cc",
        "cpp/pmem/media.cc",
        "cpp/pmem/memory_operands_arm64.cc",
        "cpp/pmem/memory_operands_x86.cc",
        "cpp/pmem/open_file.cc",
        "cpp/pmem/persist.cc",
        "cpp/pmem/range_lock.cc",
        "cpp/pmem/previous_actions.cc",
        "cpp/pmem/sigbus_guard.cc",
        "cpp/pmem/signal_context.cc",
        "cpp/pmem/streaming_copy.cc",
        "cpp/pmem/substitution.cc",
        "cpp/pmem/view_mapping.cc",
      ],
      # Not node-addon-api's gyp targets: in a workspace they write into packages/node_modules and upset npm.
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
    },
  ],
  "conditions": [
    ["fault_injector==1", {
      "targets": [
        {
          "target_name": "fault_injector",
          "sources": ["cpp/fault_injector/fault_injector.cc", "cpp/fault_injector/poison.cc", "cpp/fault_injector/signals.cc"],
          "defines": ["NAPI_VERSION=9"],
        },
      ],
    }],
  ],
}
