"""`sbom`: what images, programs and locks are made of."""

load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load(":checks.bzl", "check_line", "check_one_of", "fail_at", "show")
load(":provenance.bzl", "platform_problem")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")

_ENDINGS = {
    "cyclonedx": "cdx.json",
    "spdx": "spdx.json",
}

def _input(label, target):
    """The file of a target that is described: of an image its archive, which is one file with all of it."""
    is_image = OciImageInfo in target or OciIndexInfo in target
    files = target[OutputGroupInfo].tarball.to_list() if is_image else target[DefaultInfo].files.to_list()
    if len(files) != 1 or files[0].is_directory:
        fail_at(label, "srcs", "{} is not one file; name an image, an executable, a lock of packages, or a Cargo.lock.".format(show(target.label)))
    return files[0]

def _sbom_impl(ctx):
    label = ctx.label
    form = check_one_of(label, "type", ctx.attr.type, sorted(_ENDINGS))
    if not ctx.attr.srcs:
        fail_at(label, "srcs", "is empty; name what is described.")
    output = ctx.actions.declare_file("{}.{}".format(label.name, _ENDINGS[form]))
    args = verbatim_args(ctx)
    args.add("--type=" + form)
    args.add("--name=" + check_line(label, "title", ctx.attr.title or label.name))
    for attribute in ["architecture", "distribution"]:
        value = check_line(label, attribute, getattr(ctx.attr, attribute))
        if value:
            args.add("--{}={}".format(attribute, value))
    if ctx.attr.platform:
        problem = platform_problem(ctx.attr.platform)
        if problem:
            fail_at(label, "platform", problem)
        args.add("--platform=" + ctx.attr.platform)
    if ctx.attr.files:
        args.add("--files")
    args.add(output, format = "--output=%s")
    inputs = [_input(label, target) for target in ctx.attr.srcs]
    args.add_all(inputs)
    run_verbatim(
        ctx,
        command = ["sbom"],
        args = [args],
        inputs = inputs,
        outputs = [output],
        mnemonic = "VerbatimSbom",
        progress_message = "Describing %{label}",
        path_mapping = True,
    )
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles([output]))]

sbom = rule(
    implementation = _sbom_impl,
    attrs = {
        "architecture": attr.string(
            doc = "Of a lock for several architectures, describe this one alone.",
        ),
        "distribution": attr.string(
            doc = "The distribution that the packages of a lock are of, in the words of its `os-release`: `debian`, `debian-13`. It is a part of their package URLs.",
        ),
        "files": attr.bool(
            doc = "Name all files of an image too, with their digests.",
        ),
        "platform": attr.string(
            doc = "Of an image for several platforms, describe this one: `linux/amd64`.",
        ),
        "srcs": attr.label_list(
            doc = "What is described, in one document: images and indexes; programs of Go and of `cargo auditable`; locks of packages; a `Cargo.lock`.",
            allow_files = True,
            mandatory = True,
        ),
        "title": attr.string(
            doc = "What the document, and the only thing in it, is called; by default the name of the target.",
        ),
        "type": attr.string(
            doc = "The form of the document: `spdx` (SPDX 2.3) or `cyclonedx` (CycloneDX 1.6).",
            default = "spdx",
            values = ["cyclonedx", "spdx"],
        ),
    },
    doc = """What something is made of, as a document that scanners and customers read.

`<name>.spdx.json` or `<name>.cdx.json`: the same bytes on every machine. All is sorted, the time is 1970-01-01, and what must be unique follows
from the content. Of an image the databases in it tell, and with `files` every file has its digests.

```starlark
sbom(
    name = "server_sbom",
    srcs = [":image"],
)

release(
    name = "dist",
    beside = [":server_sbom"],
    files = ":file_sums",
)
```

In `beside` of a `release` it lies in the folder of the release; in `srcs` of `file_sums` it has a line in the sums as well, and whatever states how
these were made (`provenance`) states it of the document too. `verbatim sbom --check IMAGE SBOM` says whether it is true of an image.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
