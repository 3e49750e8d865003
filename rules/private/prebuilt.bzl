"""The module extension `verbatim`: programs that were built before, by URL and sha256 or as a file."""

load(":reproducible_repository.bzl", "reproducible")

# What people call a platform to its constraint values.
_OS = {
    "linux": "@platforms//os:linux",
    "macos": "@platforms//os:macos",
    "windows": "@platforms//os:windows",
}
_CPU = {
    "aarch64": "@platforms//cpu:aarch64",
    "amd64": "@platforms//cpu:x86_64",
    "arm64": "@platforms//cpu:aarch64",
    "ppc64le": "@platforms//cpu:ppc64le",
    "riscv64": "@platforms//cpu:riscv64",
    "s390x": "@platforms//cpu:s390x",
    "x86_64": "@platforms//cpu:x86_64",
}

def _download_impl(rctx):
    name = "verbatim.exe" if rctx.attr.os == "windows" else "verbatim"
    rctx.download(
        executable = True,
        output = name,
        sha256 = rctx.attr.sha256,
        url = rctx.attr.urls,
    )
    rctx.file("BUILD.bazel", 'exports_files(["{}"], visibility = ["//visibility:public"])\n'.format(name))
    return reproducible(rctx)

_download = repository_rule(
    implementation = _download_impl,
    attrs = {
        "os": attr.string(mandatory = True),
        "sha256": attr.string(mandatory = True),
        "urls": attr.string_list(mandatory = True),
    },
    doc = "Downloads a program. Nothing is downloaded before a build on such a machine needs it.",
)

def _hub_impl(rctx):
    lines = [
        'load("@rules_verbatim//rules/private:toolchain.bzl", "verbatim_toolchain")',
        "",
        'package(default_visibility = ["//visibility:public"])',
    ]
    for name, encoded in rctx.attr.toolchains.items():
        toolchain = json.decode(encoded)
        lines.append("""
verbatim_toolchain(
    name = "{name}_program",
    verbatim = "{program}",
)

toolchain(
    name = "{name}",
    exec_compatible_with = {constraints},
    toolchain = ":{name}_program",
    toolchain_type = "@rules_verbatim//rules:toolchain_type",
)""".format(
            name = name,
            constraints = json.encode(toolchain["constraints"]),
            program = toolchain["program"],
        ))
    rctx.file("BUILD.bazel", "\n".join(lines) + "\n")
    return reproducible(rctx)

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = {
        "toolchains": attr.string_dict(doc = "From a name to JSON with `constraints` and `program`."),
    },
    doc = "One repository with the toolchains of all prebuilt programs.",
)

def prebuilt_problem(*, os, cpu, url, urls, sha256, file):
    """Say what is wrong with a tag `prebuilt`.

    Args:
        os: the attribute.
        cpu: the attribute.
        url: the attribute.
        urls: the attribute.
        sha256: the attribute.
        file: whether the attribute is given.

    Returns:
        A sentence, or None.
    """
    if os not in _OS:
        return "attribute `os`: {} is not known; write one of {}.".format(repr(os), ", ".join(sorted(_OS)))
    if cpu not in _CPU:
        return "attribute `cpu`: {} is not known; write one of {}.".format(repr(cpu), ", ".join(sorted(_CPU)))
    given = [name for name, value in [("url", url), ("urls", urls), ("file", file)] if value]
    if len(given) != 1:
        return "attribute `{}`: {}; give exactly one of `url`, `urls` and `file`.".format(
            given[1] if given else "url",
            "cannot be used together with `{}`".format(given[0]) if given else "is missing",
        )
    if file and sha256:
        return "attribute `sha256`: is for a program that is downloaded; remove it, a file of the workspace is what it is."
    if not file and (len(sha256) != 64 or [c for c in sha256.elems() if c not in "0123456789abcdef".elems()]):
        return "attribute `sha256`: {} is not 64 lower-case hexadecimal digits; take them from the release's sums.".format(repr(sha256))
    return None

def _verbatim_impl(mctx):
    toolchains = {}
    for module in mctx.modules:
        for tag in module.tags.prebuilt:
            problem = prebuilt_problem(
                os = tag.os,
                cpu = tag.cpu,
                file = tag.file != None,
                sha256 = tag.sha256,
                url = tag.url,
                urls = tag.urls,
            )
            if problem:
                fail("verbatim.prebuilt in module {}: {}".format(module.name, problem))
            name = "{}_{}".format(tag.os, Label(_CPU[tag.cpu]).name)
            if name in toolchains:
                # The modules come root first, and the root decides.
                if toolchains[name].module == module.name:
                    fail("verbatim.prebuilt in module {}: attribute `cpu`: there are two programs for {} on {}; remove one.".format(module.name, tag.os, tag.cpu))
                continue
            if tag.file:
                program = str(tag.file)
            else:
                repository = "verbatim_" + name
                _download(
                    name = repository,
                    os = tag.os,
                    sha256 = tag.sha256,
                    urls = [tag.url] if tag.url else tag.urls,
                )
                program = "@{}//:verbatim{}".format(repository, ".exe" if tag.os == "windows" else "")
            toolchains[name] = struct(
                encoded = json.encode({
                    "constraints": [_OS[tag.os], _CPU[tag.cpu]],
                    "program": program,
                }),
                module = module.name,
            )
    _hub(
        name = "verbatim_toolchains",
        toolchains = {name: toolchain.encoded for name, toolchain in toolchains.items()},
    )
    return mctx.extension_metadata(reproducible = True)

verbatim = module_extension(
    implementation = _verbatim_impl,
    doc = """Takes the `verbatim` program as it was released, so that no Rust is needed.

```starlark
verbatim = use_extension("@rules_verbatim//rules:extensions.bzl", "verbatim")
verbatim.prebuilt(
    os = "linux",
    cpu = "x86_64",
    sha256 = "<64 hexadecimal digits>",
    url = "https://example.com/verbatim-linux-amd64",
)
use_repo(verbatim, "verbatim_toolchains")
register_toolchains("@verbatim_toolchains//:all")
```
""",
    tag_classes = {
        "prebuilt": tag_class(
            attrs = {
                "cpu": attr.string(
                    doc = "The processor of the machines that run actions: `x86_64` (or `amd64`), `aarch64` (or `arm64`), `ppc64le`, `riscv64`, `s390x`.",
                    mandatory = True,
                ),
                "file": attr.label(
                    doc = "The program as an executable file of the workspace (export it with `exports_files`), or a target that makes it.",
                ),
                "os": attr.string(
                    doc = "Their operating system: `linux`, `macos` or `windows`.",
                    mandatory = True,
                ),
                "sha256": attr.string(
                    doc = "The program's sha256, 64 hexadecimal digits, as the release's sums say it. Needed with `url` and `urls`.",
                ),
                "url": attr.string(
                    doc = "Where the program is downloaded from.",
                ),
                "urls": attr.string_list(
                    doc = "Several such places, in the order in which they are tried.",
                ),
            },
            doc = "One released program, for the machines that run actions. Of two for the same machines that of the root module counts.",
        ),
    },
)
