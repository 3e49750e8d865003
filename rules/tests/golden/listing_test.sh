#!/usr/bin/env bash
# listing_test.sh EXPECTED LAYER: what an independent program finds in a layer.
set -euo pipefail
export TZ=UTC0 LC_ALL=C
actual=$TEST_TMPDIR/actual
tar --xattrs --xattrs-include='*' --numeric-owner --full-time -tvvf "$2" | sed 's/  */ /g; s/ $//' >"$actual"
diff -u "$1" "$actual" || {
  echo "The layer does not hold what $1 says. If it should not any more, this is what it holds:"
  cat "$actual"
  exit 1
}
