#!/usr/bin/env bash
# What the parts of `run` stand on, sourced by it: verdicts, a farm, a registry with bases, the program, a copy of the workspace, and builds in it.
# All that is started here ends with the process that sourced it. $here is this folder, $checkout that of the repository.
# What is not set here is set there, and what is not used here is used there.
# shellcheck disable=SC2015,SC2034,SC2153,SC2154 # what `|| die` stands behind may fail anywhere

passed=0
failed=0
pass() {
  passed=$((passed + 1))
  printf 'PASS %s\n' "$1"
}
fail() {
  failed=$((failed + 1))
  printf 'FAIL %s: %s\n' "$1" "$2"
}
die() {
  printf 'FAIL %s\n' "$*"
  printf '%d passed, %d failed\n' "$passed" $((failed + 1))
  exit 1
}

# ------------------------------------------------------------ what is started here ends here

# On a disk, and where bazelw's root has it too.
scratch=$(mktemp -d /var/tmp/verbatim-remote.XXXXXX)
servers=()
clean_up() {
  trap - EXIT INT TERM HUP
  stop_farm
  local server base
  for base in "$scratch"/bases/*; do
    if [ -d "$base/server" ]; then (cd "$workspace" && "$checkout/bazelw" --output_base="$base" shutdown) >/dev/null 2>&1; fi
  done
  for server in "${servers[@]}"; do kill -- "-$server" 2>/dev/null; done
  if [ -n "${KEEP:-}" ]; then
    echo "kept: $scratch"
  else
    chmod -R u+w "$scratch"
    rm -rf --one-file-system "$scratch"
  fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

in_root() (cd "$scratch" && "$checkout/bazelw" --in-root "$@")

# ------------------------------------------------------------ the farm

farm=
farm_state=
# start_farm NAME [SECONDS]: a new one, with nothing in it; it gives up a job that no worker takes for so long. Its address is in $farm.
start_farm() {
  local word=
  stop_farm
  farm_state=$scratch/farms/$1
  mkdir -p "$farm_state"
  coproc FARM {
    cd "$farm_state" && exec "$checkout/bazelw" --in-root env "VERBATIM_FARM_QUEUE=${2:-}" \
      bwrap --dev-bind / / --proc /proc --bind "$farm_state" /run/farm --unshare-pid --die-with-parent \
      bash "$here/farm" /run/farm "$buildgrid" 2>"$farm_state/farm.log"
  }
  farm_pid=$FARM_PID
  farm_says=${FARM[0]}
  farm_hears=${FARM[1]}
  read -r -t 120 word farm <&"$farm_says"
  [ "$word" = ready ] || die "the farm does not start: $(tail -n 20 "$farm_state"/*.log)"
}
stop_farm() {
  if [ -z "$farm" ]; then return; fi
  exec {farm_hears}>&-
  wait "$farm_pid" 2>/dev/null
  farm=
}
# tell COMMAND: see `farm`.
tell() {
  local answer=
  echo "$1" >&"$farm_hears"
  read -r -t 60 answer <&"$farm_says"
  [ "$answer" = "done" ] || die "the farm does not answer to: $1"
}

# ------------------------------------------------------------ what there is to start with

cache=$("$checkout/bazelw" --in-root printenv HOME) || die "bazelw --in-root does not work"
cache=${cache%/home}
disk=$cache/disk-cache

# BuildGrid, as requirements.txt fixes it. The key is that of bazelw's own folders.
buildgrid=$cache/buildgrid-$(sha256sum "$here/requirements.txt" | cut -c1-16)
(
  exec 9>"$buildgrid.lock"
  flock 9
  if [ -e "$buildgrid/ready" ]; then exit; fi
  rm -rf --one-file-system "$buildgrid"
  echo "installing BuildGrid, once"
  # shellcheck disable=SC2016 # the inner shell expands them
  VERBATIM_BIND=$here in_root sh -ec 'python3 -m venv "$1"; "$1/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r "$2"; touch "$1/ready"' \
    - "$buildgrid" "$here/requirements.txt"
) || die "BuildGrid cannot be installed"

program=${VERBATIM:-$checkout/bazel-bin/release/verbatim-linux-amd64}
if [ -z "${VERBATIM:-}" ]; then
  (cd "$checkout" && ./bazelw build --color=no --curses=no --noshow_progress --disk_cache="$disk" //release:verbatim-linux-amd64) || die "the program cannot be built"
fi

workspace=$scratch/workspace
where=$workspace
mkdir -p "$scratch/bases" "$scratch/logs"
cp -r "$here/workspace" "$workspace"
chmod -R u+w "$workspace"
cp "$program" "$workspace/verbatim" && chmod 755 "$workspace/verbatim" || die "there is no program $program"
verbatim() { "$workspace/verbatim" "$@"; }

# numbers SEED BYTES: the same incompressible bytes everywhere.
numbers() {
  python3 -c '
import random, sys
source, left = random.Random(int(sys.argv[1])), int(sys.argv[2])
while left:
    sys.stdout.buffer.write(source.randbytes(min(left, 1 << 24)))
    left -= min(left, 1 << 24)' "$1" "$2"
}
numbers 1 8000000 >"$workspace/shared.bin"
tar -C "$workspace/apps" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$workspace/others/archive.tar" .
numbers 2 300000 >"$scratch/imported.bin"
verbatim layer --compression=gzip --metadata="$scratch/imported.json" -o "$scratch/imported.tar.gz" "srv/imported.bin=$scratch/imported.bin" >/dev/null &&
  verbatim image --layer="{\"blob\":\"$scratch/imported.tar.gz\",\"metadata\":\"$scratch/imported.json\"}" --platform=linux/amd64 -o "$workspace/others/layout" >/dev/null ||
  die "the image that is imported cannot be made"

# A registry, and in it the bases v1 and v2: a layer of 1 GB and a small one each, none of which is equal.
start_registry() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  registry=127.0.0.1:$port
  cat >"$scratch/registry.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $scratch/registry}}
http: {addr: "$registry"}
END
  mkdir -p "$scratch/registry"
  (cd "$scratch" && exec setsid "$checkout/bazelw" --in-root docker-registry serve "$scratch/registry.yml") >"$scratch/registry.log" 2>&1 &
  servers+=($!)
  for _ in $(seq 100); do
    if python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1)' "$port" 2>/dev/null; then break; fi
    sleep 0.1
  done
}
# make_base VERSION BYTES
make_base() {
  local folder=$scratch/base
  mkdir -p "$folder"
  numbers "1$1" "$2" >"$folder/large"
  echo "base $1" >"$folder/small"
  verbatim layer --compression=none --metadata="$folder/large.json" -o "$folder/large.tar" "usr/lib/large=$folder/large" >/dev/null &&
    verbatim layer --compression=gzip --metadata="$folder/small.json" -o "$folder/small.tar.gz" "etc/base=$folder/small" >/dev/null &&
    verbatim image --layer="{\"blob\":\"$folder/large.tar\",\"metadata\":\"$folder/large.json\"}" \
      --layer="{\"blob\":\"$folder/small.tar.gz\",\"metadata\":\"$folder/small.json\"}" --platform=linux/amd64 -o "$folder/layout" >/dev/null &&
    verbatim push "$folder/layout" "$registry/acme/base:v$1" >"$scratch/logs/push-$1" 2>&1 || die "base $1 cannot be made: $(cat "$scratch/logs/push-$1")"
  python3 - "$folder"/{large,small}.json >"$scratch/base-$1.layers" <<'END'
import json, sys
print(*[json.load(open(path))["digest"].removeprefix("sha256:") for path in sys.argv[1:]])
END
  base_digest[$1]=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$folder/layout/index.json")
  rm -rf --one-file-system "$folder"
}
declare -A base_digest
# use_base VERSION: what the workspace stands on.
use_base() {
  sed -e "s|path = \"../../..\"|path = \"$checkout\"|" -e "s|127.0.0.1:5000|$registry|" \
    -e "s|digest = \"sha256:[0-9a-f]*\"|digest = \"${base_digest[$1]}\"|" -e "s|tag = \"v1\"|tag = \"v$1\"|" \
    "$here/workspace/MODULE.bazel" >"$workspace/MODULE.bazel"
}

# ------------------------------------------------------------ builds

# build BASE LOG OPTION… [TARGET…]: in an output base of that name; what Bazel says is in logs/LOG.said, what it ran in LOG.json, whom it called in LOG.calls.
build() {
  local base=$scratch/bases/$1 log=$scratch/logs/$2
  shift 2
  rm -f "$log".{said,json,calls}
  (
    cd "$where" && VERBATIM_BIND=$scratch nice -n 5 "$checkout/bazelw" --output_base="$base" build --color=no --curses=no --noshow_progress \
      --symlink_prefix=/ --disk_cache= --execution_log_json_file="$log.json" "$@"
  ) >"$log.said" 2>&1
}
# remote BASE LOG OPTION… [TARGET…]: the same on the farm.
remote() { build "$1" "$2" --config=farm --remote_executor="$farm" --remote_grpc_log="$scratch/logs/$2.calls" "${@:3}"; }
# The server of an output base, and the base where it is of no more use.
shut_down() { (cd "$workspace" && "$checkout/bazelw" --output_base="$scratch/bases/$1" shutdown) >/dev/null 2>&1; }
forget() {
  shut_down "$1"
  chmod -R u+w "$scratch/bases/$1"
  rm -rf --one-file-system "$scratch/bases/$1"
}

# Nothing is downloaded but these, which are compared.
only_sums=(--remote_download_outputs=minimal '--remote_download_regex=.*/sums\.(sha256|json)$')
# The sums of an output base, in one text.
sums_of() { cat "$scratch/bases/$1"/execroot/*/bazel-out/*/bin/sums.{sha256,json}; }
runners() { python3 "$here/calls.py" runners "$scratch/logs/$1.json"; }

# right NAME STATUS BASE LOG [HOW]: whether that build went well, ran none of our actions otherwise than so (`remote…`), and gave the sums of the local build.
right() {
  local name=$1 status=$2 base=$3 log=$4 how=${5:-remote} ran other
  if [ "$status" != 0 ]; then
    fail "$name" "Bazel ends with $status: $(tail -n 12 "$scratch/logs/$log.said" | cut -c1-400)"
    return
  fi
  ran=$(runners "$log")
  other=$(awk -v how="^$how" '$1 == "ran" && $2 ~ /^Verbatim/ && $3 !~ how { print $2 " (" $3 ")" }' <<<"$ran")
  if [ -n "$other" ]; then
    fail "$name" "not $how: $(tr '\n' ' ' <<<"$other")"
  elif ! [[ $ran == *Verbatim* ]]; then
    fail "$name" "nothing of ours was run"
  elif ! cmp -s <(sums_of "$base") "$scratch/local.sums"; then
    fail "$name" "other sums than the local build's: $(diff <(sums_of "$base") "$scratch/local.sums" | head -n 4)"
  else
    pass "$name ($(awk '$1 == "ran" { sum[$3] += $4 } END { for (r in sum) printf "%s%d %s", (n++ ? ", " : ""), sum[r], r }' <<<"$ran"))"
  fi
}

prepared=
prepare() {
  if [ -n "$prepared" ]; then return; fi
  prepared=1
  start_registry
  make_base 1 1000000000
  use_base 1
  build local local //:sums || die "the local build ends badly: $(tail -n 20 "$scratch/logs/local.said")"
  sums_of local >"$scratch/local.sums"
  echo "the local build: $(wc -l <"$scratch"/bases/local/execroot/*/bazel-out/*/bin/sums.sha256) sums of images and files"
  forget local
}
