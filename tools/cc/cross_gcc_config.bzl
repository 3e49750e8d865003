"""How a packaged cross gcc is called."""

load(
    "@rules_cc//cc:cc_toolchain_config_lib.bzl",
    "feature",
    "flag_group",
    "flag_set",
    "tool_path",
    "with_feature_set",
)
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

_COMPILE = [
    "assemble",
    "preprocess-assemble",
    "c-compile",
    "c++-compile",
    "c++-header-parsing",
    "c++-module-compile",
    "c++-module-codegen",
    "lto-backend",
    "clif-match",
    "linkstamp-compile",
]

_LINK = [
    "c++-link-executable",
    "c++-link-dynamic-library",
    "c++-link-nodeps-dynamic-library",
]

def _cross_gcc_config_impl(ctx):
    mode = lambda name: [with_feature_set(features = [name])]
    features = [
        feature(name = "dbg"),
        feature(name = "fastbuild"),
        feature(name = "opt"),
        feature(name = "supports_pic", enabled = True),
        feature(name = "supports_dynamic_linker", enabled = True),
        feature(
            name = "default_compile_flags",
            enabled = True,
            flag_sets = [
                flag_set(
                    actions = _COMPILE,
                    flag_groups = [flag_group(flags = [
                        "-fstack-protector",
                        "-fno-omit-frame-pointer",
                    ])],
                ),
                flag_set(
                    actions = _COMPILE,
                    flag_groups = [flag_group(flags = ["-g"])],
                    with_features = mode("dbg"),
                ),
                flag_set(
                    actions = _COMPILE,
                    flag_groups = [flag_group(flags = [
                        "-O2",
                        "-DNDEBUG",
                        "-ffunction-sections",
                        "-fdata-sections",
                    ])],
                    with_features = mode("opt"),
                ),
            ],
        ),
        feature(
            name = "default_link_flags",
            enabled = True,
            flag_sets = [
                flag_set(
                    actions = _LINK,
                    flag_groups = [flag_group(flags = [
                        "-Wl,--hash-style=gnu",
                        "-Wl,-z,relro,-z,now",
                    ])],
                ),
                flag_set(
                    actions = _LINK,
                    flag_groups = [flag_group(flags = ["-Wl,--gc-sections"])],
                    with_features = mode("opt"),
                ),
            ],
        ),
        feature(
            # The same sources give the same object: no date, and no path of this machine.
            name = "unfiltered_compile_flags",
            enabled = True,
            flag_sets = [flag_set(
                actions = _COMPILE,
                flag_groups = [flag_group(flags = [
                    "-no-canonical-prefixes",
                    "-Wno-builtin-macro-redefined",
                    "-D__DATE__=\"redacted\"",
                    "-D__TIMESTAMP__=\"redacted\"",
                    "-D__TIME__=\"redacted\"",
                ])],
            )],
        ),
    ]
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        abi_libc_version = "glibc",
        abi_version = "gcc",
        compiler = "gcc",
        cxx_builtin_include_directories = ctx.attr.builtin_include_directories,
        features = features,
        host_system_name = "local",
        target_cpu = ctx.attr.cpu,
        target_libc = "glibc",
        target_system_name = ctx.attr.cpu + "-linux-gnu",
        tool_paths = [
            tool_path(name = name, path = path)
            for name, path in ctx.attr.tool_paths.items()
        ],
        toolchain_identifier = "cross-gcc-" + ctx.attr.cpu,
    )

cross_gcc_config = rule(
    implementation = _cross_gcc_config_impl,
    attrs = {
        "builtin_include_directories": attr.string_list(
            doc = "Where the compiler looks for headers by itself.",
        ),
        "cpu": attr.string(
            doc = "The architecture that is built for, in GNU's naming.",
            mandatory = True,
        ),
        "tool_paths": attr.string_dict(
            doc = "Each tool by Bazel's name for it, with its absolute path.",
        ),
    },
    doc = "The flags and tools of one cross gcc.",
    provides = [CcToolchainConfigInfo],
)
