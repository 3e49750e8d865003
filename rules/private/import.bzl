"""`oci_import`: an image that was made elsewhere."""

load("//rules/private/platform:target_platform.bzl", "PLATFORM_ATTRS", "platform_text", "resolve_platform")
load(":checks.bzl", "check_line", "fail_at")
load(":foreign.bzl", "foreign_image")
load(":image_outputs.bzl", "image_providers")
load(":imported.bzl", "import_layout")
load(":layout.bzl", "LAYOUT_ATTRS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _find_layout(ctx):
    """Say where the layout is among the files of `srcs`, and which files hold blobs."""
    files = ctx.files.srcs
    if len(ctx.attr.srcs) == 1 and OutputGroupInfo in ctx.attr.srcs[0] and hasattr(ctx.attr.srcs[0][OutputGroupInfo], "oci_layout"):
        layout = foreign_image(ctx.label, "srcs", ctx.attr.srcs[0]).layout
        if layout:
            return struct(blobs = [layout], files = [layout], path = layout.path)
    if len(files) == 1 and files[0].basename != "oci-layout":
        # A directory, or an archive.
        return struct(blobs = files, files = files, path = files[0].path)
    directories = [file for file in files if file.is_directory]
    if directories:
        fail_at(ctx.label, "srcs", "holds the directory {} and {} more files; name one directory, one archive, or the files of one layout.".format(
            repr(directories[0].short_path),
            len(files) - 1,
        ))
    roots = [file for file in files if file.basename == "oci-layout"]
    if len(roots) != 1:
        fail_at(ctx.label, "srcs", "holds {} files named \"oci-layout\"; name all files of one layout (`glob([\"base/**\"])`), one directory or one archive.".format(len(roots)))
    root = roots[0].dirname
    for file in files:
        if not file.path.startswith(root + "/"):
            fail_at(ctx.label, "srcs", "{} does not belong to the layout {}; take it out.".format(repr(file.short_path), repr(root)))
    return struct(
        blobs = [file for file in files if file.dirname == root + "/blobs/sha256"],
        files = files,
        path = root,
    )

def _oci_import_impl(ctx):
    platform = platform_text(resolve_platform(ctx))
    check_line(ctx.label, "reference", ctx.attr.reference)
    layout = _find_layout(ctx)

    # Layouts of other rules are links into their targets' runfiles.
    runfiles = depset(transitive = [
        target[DefaultInfo].default_runfiles.files
        for target in ctx.attr.srcs
        if target[DefaultInfo].default_runfiles
    ])
    files = import_layout(
        ctx,
        layout.path,
        inputs = depset(layout.files, transitive = [runfiles]),
        platform = platform,
    )
    return image_providers(
        ctx,
        files,
        platform = platform,
        layers = [],
        layouts = depset(layout.blobs),
        layouts_runfiles = runfiles,
    )

oci_import = rule(
    implementation = _oci_import_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "The layout: all its files, `glob([\"base/**\"])`; or one target whose only output is a directory, or that has an output group " +
                  "`oci_layout`, such as an image of other rules; or one tar archive of a layout.",
            allow_empty = False,
            allow_files = True,
            mandatory = True,
        ),
    } | PLATFORM_ATTRS | LAYOUT_ATTRS,
    doc = """An image out of an OCI layout that was made elsewhere, as a base or to be released.

The image for the target platform (or for `os`, `architecture` and `variant`) is picked out of the layout, however its indexes are nested;
attestations are left aside. Every byte is checked against its digest, the uncompressed layers against the config's diff_ids too. The image keeps its digest.

```starlark
oci_import(
    name = "base",
    srcs = glob(["base/**"]),
)
```

Outputs as of `oci_image`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
