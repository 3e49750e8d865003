"""What a build said to a farm, and what it wrote to the disk.

    calls.py bytes GRPC_LOG OUTPUT_BASE LAYER...
    calls.py actions GRPC_LOG
    calls.py runners EXECUTION_LOG

`bytes` prints one line of JSON: the blobs that went up and down, their bytes, and the bytes of all other calls, from what Bazel wrote for
--remote_grpc_log: messages LogEntry (Bazel's src/main/protobuf/remote_execution_log.proto), each after its length as a varint. Of these a few fields are
read, by their numbers. `disk` is what lies in OUTPUT_BASE/execroot/*/bazel-out as regular files. LAYERs are digests; those that went anywhere are named.

`actions` prints a line for each kind of action: how many different ones were looked up in the farm's cache.

`runners` prints what Bazel wrote for --execution_log_json_file: a line for each kind of action and each way it was run, then the layers that were inputs.
"""

import collections
import json
import os
import pathlib
import sys

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """The fields of a message, (number, value): an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(data, at)
        elif kind == BYTES:
            length, at = varint(data, at)
            if at + length > len(data):
                raise SystemExit(f"calls.py: a field of {length} bytes ends behind its message")
            value, at = data[at : at + length], at + length
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
            value, at = data[at : at + length], at + length
        else:
            raise SystemExit(f"calls.py: field {number} is of kind {kind}, which no message here has")
        yield number, value


def field(data, number, default=b""):
    for found, value in fields(data):
        if found == number:
            return value
    return default


def entries(log):
    """(method, mnemonic, details) of each call; details are (number of the kind, message)."""
    data = memoryview(pathlib.Path(log).read_bytes())
    at = 0
    while at < len(data):
        length, at = varint(data, at)
        entry, at = data[at : at + length], at + length
        details = list(fields(field(entry, 4)))
        mnemonic = bytes(field(field(entry, 1), 5)).decode()
        yield bytes(field(entry, 3)).decode(), mnemonic, details[0] if details else (0, b"")


READ, WRITE, GET_ACTION_RESULT = 5, 6, 8


def digest_of(resource):
    """`[instance/][uploads/UUID/]blobs/HASH/SIZE`"""
    parts = bytes(resource).decode().split("/")
    return parts[parts.index("blobs") + 1]


def count(log, layers):
    up, down, by = collections.Counter(), collections.Counter(), collections.defaultdict(int)
    other = calls = 0
    for method, mnemonic, (kind, message) in entries(log):
        calls += 1
        if kind == READ:
            moved = down
            digest, size = digest_of(field(field(message, 1), 1)), field(message, 3, 0)
        elif kind == WRITE:
            moved = up
            digest, size = digest_of(field(message, 1)), field(message, 3, 0)
        elif method.startswith("google.bytestream."):
            raise SystemExit(f"calls.py: {method}, and no byte of it is counted")
        else:
            # Requests and answers as they stand in the log: of a stream of answers, all of them.
            other += len(message)
            continue
        moved[digest] += size
        by["up " if moved is up else "down ", mnemonic or "-"] += size
    return {
        "calls": calls,
        "up": {"blobs": len(up), "bytes": sum(up.values())},
        "down": {"blobs": len(down), "bytes": sum(down.values())},
        "messages": other,
        "by": {direction + mnemonic: size for (direction, mnemonic), size in sorted(by.items())},
        "layers": sorted(layer for layer in layers if layer in up or layer in down),
        "digests": {"up": dict(up), "down": dict(down)},
    }


def looked_up(log):
    """The digests of the actions that were looked up, by mnemonic."""
    actions = collections.defaultdict(set)
    for _, mnemonic, (kind, message) in entries(log):
        if kind == GET_ACTION_RESULT:
            actions[mnemonic].add(bytes(field(field(field(message, 1), 2), 1)))
    return actions


def on_disk(base):
    """The bytes of regular files below bazel-out, each file once."""
    seen = {}
    for out in pathlib.Path(base).glob("execroot/*/bazel-out"):
        for folder, _, names in os.walk(out):
            for name in names:
                stat = os.lstat(os.path.join(folder, name))
                if (stat.st_mode & 0o170000) == 0o100000:
                    seen[stat.st_ino] = stat.st_size
    return {"files": len(seen), "bytes": sum(seen.values())}


def spawns(log):
    decoder, text, at = json.JSONDecoder(), pathlib.Path(log).read_text(), 0
    while at < len(text):
        spawn, at = decoder.raw_decode(text, at)
        yield spawn
        while at < len(text) and text[at].isspace():
            at += 1


def is_layer(path):
    return path.endswith((".tar", ".tar.gz", ".tar.zst")) or ("/blobs/sha256/" in path and not path.endswith(".params"))


def main():
    command, log, *rest = sys.argv[1:]
    if command == "bytes":
        base, *layers = rest
        report = count(log, layers)
        report["disk"] = on_disk(base)
        print(json.dumps(report))
    elif command == "actions":
        for mnemonic, actions in sorted(looked_up(log).items()):
            print(mnemonic, len(actions))
    elif command == "runners":
        runners, inputs = collections.Counter(), set()
        for spawn in spawns(log):
            mnemonic = spawn["mnemonic"]
            runners[mnemonic, spawn["runner"]] += 1
            for file in spawn.get("inputs", []):
                if "/bin/" in file["path"] and is_layer(file["path"]):
                    inputs.add((mnemonic, file["path"]))
        for (mnemonic, runner), number in sorted(runners.items()):
            print("ran", mnemonic, runner.replace(" ", "-"), number)
        for mnemonic, path in sorted(inputs):
            print("layer", mnemonic, path)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
