#!/usr/bin/env bash
# archive_test.sh ARCHIVE PREFIX: what a registry takes out of the archive is there.
set -euo pipefail
names=$(tar -tzf "$1")
for name in MODULE.bazel LICENSE rules/image.bzl rules/private/image.bzl tools/MODULE.bazel tools/Cargo.lock tools/crates/verbatim/src/main.rs e2e/smoke/MODULE.bazel e2e/smoke/.bazelrc; do
  grep -qxF "$2/$name" <<<"$names" || {
    echo "$name is missing"
    exit 1
  }
done
if grep -vE "^$2/" <<<"$names"; then
  echo "these lie outside $2"
  exit 1
fi
if grep -E '/(rules/tests|testdata|fuzz|target|bazel-[^/]*)/' <<<"$names"; then
  echo "these are for working on the repository"
  exit 1
fi
