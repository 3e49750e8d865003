"""The identity of the compilers that a build uses, as a file.

A release's bytes depend on its compilers as much as on its sources. The root
that `bazelw` makes records each package that compilers come from; this
extension offers that record as `@toolchain_identity//:toolchain.txt`. On a
machine with compilers of its own the file says what they say of themselves.
"""

_RECORD = "/usr/share/rules_verbatim/toolchain.txt"

def _first_line(rctx, command):
    program = rctx.which(command[0])
    if not program:
        return None
    result = rctx.execute([program] + command[1:])
    if result.return_code != 0 or not result.stdout.strip():
        return None
    return result.stdout.strip().splitlines()[0]

def _toolchain_identity_repository_impl(rctx):
    record = rctx.path(_RECORD)
    if record.exists:
        text = rctx.read(record, watch = "yes")
    else:
        lines = ["# no package record on this machine; what its tools say of themselves"]
        for command in [["rustc", "--version"], ["cc", "--version"], ["aarch64-linux-gnu-gcc", "--version"], ["ld", "--version"]]:
            said = _first_line(rctx, command)
            lines.append("{} {}".format(command[0], said or "absent"))
        text = "\n".join(lines) + "\n"
    rctx.file("toolchain.txt", text)
    rctx.file("BUILD.bazel", """exports_files(
    ["toolchain.txt"],
    visibility = ["//visibility:public"],
)
""")

_toolchain_identity_repository = repository_rule(
    implementation = _toolchain_identity_repository_impl,
    configure = True,
    doc = "The record of the compilers, or what they say of themselves.",
    environ = ["PATH"],
    local = True,
)

def _toolchain_identity_impl(mctx):
    _toolchain_identity_repository(name = "toolchain_identity")
    return mctx.extension_metadata(reproducible = True)

toolchain_identity = module_extension(
    implementation = _toolchain_identity_impl,
    doc = "Declares `@toolchain_identity//:toolchain.txt`.",
)
