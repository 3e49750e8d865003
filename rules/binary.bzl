"""Programs as they are published."""

load("//rules/private:release_binary.bzl", _release_binaries = "release_binaries", _release_binary = "release_binary", _release_files = "release_files")

release_binaries = _release_binaries
release_binary = _release_binary
release_files = _release_files
