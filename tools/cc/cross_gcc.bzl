"""C toolchains for other Linux architectures, on the machine's own cross gcc.

Bazel finds the machine's compiler for the machine itself. This extension does
the same for the compilers that distributions package for other architectures
(`aarch64-linux-gnu-gcc` and the like). Where there is none, nothing is
declared, and Bazel says that it has no toolchain for the platform.
"""

# Names of Bazel's platforms against those of GNU and of the Java runtime.
_CPUS = {
    "aarch64": ["aarch64", "arm64"],
    "x86_64": ["x86_64", "amd64"],
}

_TOOLS = {
    "ar": "ar",
    "cpp": "cpp",
    "dwp": "dwp",
    "gcc": "gcc",
    "gcov": "gcov",
    "ld": "ld",
    "nm": "nm",
    "objcopy": "objcopy",
    "objdump": "objdump",
    "strip": "strip",
}

_LOADS = """load("@rules_cc//cc/toolchains:cc_toolchain.bzl", "cc_toolchain")
load("{config}", "cross_gcc_config")

package(default_visibility = ["//visibility:public"])

filegroup(name = "empty")
"""

_TOOLCHAIN = """
cross_gcc_config(
    name = "{cpu}_config",
    builtin_include_directories = {includes},
    cpu = "{cpu}",
    tool_paths = {tools},
)

cc_toolchain(
    name = "{cpu}_cc",
    all_files = ":empty",
    ar_files = ":empty",
    as_files = ":empty",
    compiler_files = ":empty",
    dwp_files = ":empty",
    linker_files = ":empty",
    objcopy_files = ":empty",
    strip_files = ":empty",
    supports_param_files = True,
    toolchain_config = ":{cpu}_config",
)

toolchain(
    name = "{cpu}",
    exec_compatible_with = [
        "@platforms//os:linux",
        "@platforms//cpu:{host}",
    ],
    target_compatible_with = [
        "@platforms//os:linux",
        "@platforms//cpu:{cpu}",
    ],
    toolchain = ":{cpu}_cc",
    toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
)
"""

def _include_directories(rctx, gcc):
    """Where gcc looks for headers by itself; it prints the list on standard error."""
    result = rctx.execute([gcc, "-E", "-xc++", "-v", "/dev/null"])
    if result.return_code != 0:
        # Without a C++ front end the C list is enough.
        result = rctx.execute([gcc, "-E", "-xc", "-v", "/dev/null"])
    listed = []
    listing = False
    for line in result.stderr.splitlines():
        if line.startswith("#include <"):
            listing = True
        elif line.startswith("End of search list"):
            listing = False
        elif listing:
            listed.append(str(rctx.path(line.strip()).realpath))

    # Debian keeps the kernel's headers elsewhere and links each of them; gcc
    # names the files behind the links.
    for folder in list(listed):
        for header in ["asm/types.h", "asm-generic/types.h", "linux/types.h"]:
            link = rctx.path(folder + "/" + header)
            if link.exists:
                behind = str(link.realpath.dirname.dirname)
                if behind not in listed:
                    listed.append(behind)
    return listed

def _cross_gcc_repository_impl(rctx):
    build = [_LOADS.format(config = rctx.attr._config)]
    host = [cpu for cpu, names in _CPUS.items() if rctx.os.arch in names]
    for cpu in sorted(_CPUS):
        prefix = cpu + "-linux-gnu-"
        gcc = rctx.which(prefix + "gcc")
        if rctx.os.name != "linux" or not host or cpu in host or not gcc:
            continue
        build.append(_TOOLCHAIN.format(
            cpu = cpu,
            host = host[0],
            includes = repr(_include_directories(rctx, gcc)),
            tools = repr({
                name: str(rctx.which(prefix + tool) or "/bin/false")
                for name, tool in _TOOLS.items()
            }),
        ))
    rctx.file("BUILD.bazel", "".join(build))

_cross_gcc_repository = repository_rule(
    implementation = _cross_gcc_repository_impl,
    attrs = {
        "_config": attr.label(default = Label(":cross_gcc_config.bzl")),
    },
    configure = True,
    doc = "Toolchains on the cross compilers that are found on PATH.",
    environ = ["PATH"],
    local = True,
)

def _cross_gcc_impl(mctx):
    _cross_gcc_repository(name = "cross_gcc")
    return mctx.extension_metadata(reproducible = True)

cross_gcc = module_extension(
    implementation = _cross_gcc_impl,
    doc = "Declares `@cross_gcc`: register `@cross_gcc//:all` to build C and Rust for other Linux architectures.",
)
