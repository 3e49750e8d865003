"""`release_binary`: a program as it is published."""

load("//rules/private/providers:release_file_info.bzl", "ReleaseFileInfo", "ReleaseFilesInfo")
load(":checks.bzl", "check_line", "check_mode", "fail_at", "show")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")
load(":transitions.bzl", "release_transition")

def check_published_name(label, attribute, name):
    """Fail unless a text can be the name of a published file.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        name: relative to where the sums are published.

    Returns:
        The name.
    """
    check_line(label, attribute, name)
    for part in name.split("/"):
        if part in ["", ".", ".."]:
            fail_at(label, attribute, "{} is not the name of a published file; write a relative path such as \"tool-linux-amd64\".".format(repr(name)))
    return name

def _release_binary_impl(ctx):
    label = ctx.label
    name = check_published_name(label, "out" if ctx.attr.out else "name", ctx.attr.out or label.name)
    executable = ctx.attr.binary[DefaultInfo].files_to_run.executable
    if executable:
        source = executable
    else:
        files = ctx.attr.binary[DefaultInfo].files.to_list()
        if len(files) != 1 or files[0].is_directory:
            fail_at(label, "binary", "{} is neither an executable nor one file; name one of its files.".format(show(ctx.attr.binary.label)))
        source = files[0]

    args = verbatim_args(ctx)
    if ctx.attr.strip:
        args.add("--strip")
    for attribute in ["forbid", "allow"]:
        for text in getattr(ctx.attr, attribute):
            if not text:
                fail_at(label, attribute, "holds an empty text; remove it.")
            args.add(check_line(label, attribute, text), format = "--%s=%%s" % attribute)
    if not ctx.attr.default_forbid:
        args.add("--no-default-forbid")
    args.add("--mode=" + check_mode(label, "mode", ctx.attr.mode))
    output = ctx.actions.declare_file(name)
    args.add(output, format = "--output=%s")
    args.add(source)
    run_verbatim(
        ctx,
        command = ["binary"],
        args = [args],
        inputs = [source],
        outputs = [output],
        mnemonic = "VerbatimBinary",
        progress_message = "Preparing %{label} for release",
        path_mapping = True,
    )
    info = ReleaseFileInfo(file = output, name = name)
    return [
        DefaultInfo(
            executable = output,
            files = depset([output]),
        ),
        info,
        ReleaseFilesInfo(files = [info]),
    ]

release_binary = rule(
    implementation = _release_binary_impl,
    attrs = {
        "allow": attr.string_list(
            doc = "Texts that may be in the file although they look like a path of the build machine.",
        ),
        "binary": attr.label(
            doc = "The executable, or any other target with one file.",
            allow_files = True,
            mandatory = True,
        ),
        "default_forbid": attr.bool(
            doc = "Whether the file is searched for paths that only a build leaves behind (`/execroot/`, `bazel-out/`, home folders and so on), beside `forbid`.",
            default = True,
        ),
        "forbid": attr.string_list(
            doc = "Further texts that must not be in the file, such as the name of a build host.",
        ),
        "mode": attr.string(
            doc = "The mode of the file, octal.",
            default = "0755",
        ),
        "out": attr.string(
            doc = "The name under which the file is published; by default the target's name.",
        ),
        "platform": attr.label(
            doc = "The Bazel platform that the program is built for; by default that of the build. It cannot be a `select`.",
            providers = [platform_common.PlatformInfo],
        ),
        "strip": attr.bool(
            doc = "Whether symbols and debug information are removed from ELF files.",
            default = True,
        ),
    },
    cfg = release_transition,
    doc = """A program as it is published: optimised, without stamps, for one platform, stripped, under its published name.

The bytes are searched for paths of the build machine; what is found is an error that names the text and its offset.

```starlark
release_binary(
    name = "tool-linux-amd64",
    binary = "//cmd/tool",
    platform = "//platforms:linux_amd64",
)
```
""",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def _release_files_impl(ctx):
    infos = []
    for target in ctx.attr.srcs:
        infos.extend(target[ReleaseFilesInfo].files)
    return [
        DefaultInfo(files = depset([info.file for info in infos])),
        ReleaseFilesInfo(files = infos),
    ]

release_files = rule(
    implementation = _release_files_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "Targets of `release_binary` or `release_files`.",
            providers = [ReleaseFilesInfo],
        ),
    },
    doc = "Several files of a release under one label.",
)

def release_binaries(name, binary, platforms, **kwargs):
    """Declare a `release_binary` for each of several platforms, and one target for all of them.

    ```starlark
    release_binaries(
        name = "tool",
        binary = "//cmd/tool",
        platforms = {
            "linux-amd64": "//platforms:linux_amd64",
            "linux-arm64": "//platforms:linux_arm64",
        },
    )
    ```

    declares `:tool-linux-amd64` and `:tool-linux-arm64`, and `:tool` with both.

    Args:
        name: the name of the target with all files, and the beginning of every file's name.
        binary: the executable, or any other target with one file.
        platforms: dict from what a published name ends in to the Bazel platform.
        **kwargs: further attributes of every `release_binary`, such as `strip` and `forbid`, or those that all rules have.
    """
    if type(platforms) != "dict" or not platforms:
        fail("//{}:{}: attribute `platforms`: {} is not a dictionary with an entry for each platform; write for example {{\"linux-amd64\": \"//platforms:linux_amd64\"}}.".format(
            native.package_name(),
            name,
            repr(platforms),
        ))
    for attribute in ["out", "platform"]:
        if attribute in kwargs:
            fail("//{}:{}: attribute `{}`: cannot be given for several platforms; it follows from `platforms`.".format(native.package_name(), name, attribute))
    for suffix, platform in platforms.items():
        release_binary(
            name = name + "-" + suffix,
            binary = binary,
            platform = platform,
            **kwargs
        )
    release_files(
        name = name,
        srcs = [":" + name + "-" + suffix for suffix in platforms],
        **{key: value for key, value in kwargs.items() if key in ["compatible_with", "tags", "testonly", "visibility"]}
    )
