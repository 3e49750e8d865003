#!/bin/sh
# release/status.sh: what //release:provenance says of the commit and of Bazel, for --workspace_status_command.
#
# Nothing is said of a checkout that holds something else than its commit: then there is no provenance.
set -eu

# The program that is Bazel, also where Bazelisk fetched it.
program() {
  launcher=$(command -v bazelisk || command -v bazel) || return 0
  if ! grep -aqs bazelbuild/bazelisk "$launcher"; then
    readlink -f "$launcher"
    return
  fi
  for file in "${BAZELISK_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/bazelisk}"/downloads/sha256/*/bin/bazel; do
    if [ "$("$file" --version)" = "bazel $(cat .bazelversion)" ]; then
      echo "$file"
      return
    fi
  done
}

[ -z "$(git status --porcelain)" ] || exit 0
echo "STABLE_GIT_COMMIT $(git rev-parse HEAD)"
echo "STABLE_GIT_TREE $(git rev-parse 'HEAD^{tree}')"
bazel=$(program)
[ -z "$bazel" ] || echo "STABLE_BAZEL_DIGEST sha256:$(sha256sum <"$bazel" | cut -c1-64)"
