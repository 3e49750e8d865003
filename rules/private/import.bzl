"""`oci_import`: an image that was made elsewhere."""

load("//rules/private/platform:target_platform.bzl", "PLATFORM_ATTRS", "platform_text", "resolve_platform")
load(":checks.bzl", "check_line", "fail_at")
load(":image_outputs.bzl", "add_image_outputs", "declare_image", "image_providers")
load(":layout.bzl", "LAYOUT_ATTRS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")

def _layout_path(ctx):
    """The root of the layout among the files of `srcs`."""
    files = ctx.files.srcs
    directories = [file for file in files if file.is_directory]
    if directories:
        if len(files) != 1:
            fail_at(ctx.label, "srcs", "holds the directory {} and {} more files; name one directory, or the files of one layout.".format(
                repr(directories[0].short_path),
                len(files) - 1,
            ))
        return files[0].path
    roots = [file for file in files if file.basename == "oci-layout"]
    if len(roots) != 1:
        fail_at(ctx.label, "srcs", "holds {} files named \"oci-layout\"; name all files of one layout (`glob([\"base/**\"])`) or one directory.".format(len(roots)))
    root = roots[0].dirname
    for file in files:
        if not file.path.startswith(root + "/"):
            fail_at(ctx.label, "srcs", "{} does not belong to the layout {}; take it out.".format(repr(file.short_path), repr(root)))
    return root

def _oci_import_impl(ctx):
    platform = platform_text(resolve_platform(ctx))
    check_line(ctx.label, "reference", ctx.attr.reference)
    layout = _layout_path(ctx)

    # Layouts of other rules are links into their targets' runfiles.
    layouts = depset(ctx.files.srcs, transitive = [
        target[DefaultInfo].default_runfiles.files
        for target in ctx.attr.srcs
        if target[DefaultInfo].default_runfiles
    ])
    args = verbatim_args(ctx)
    args.add("--platform=" + platform)
    files = declare_image(ctx)
    outputs = add_image_outputs(args, files)
    args.add(layout)
    run_verbatim(
        ctx,
        command = ["layout", "import"],
        args = args,
        inputs = layouts,
        outputs = outputs,
        mnemonic = "VerbatimImport",
        progress_message = "Importing image %{label}",
    )
    return image_providers(ctx, files, platform = platform, layers = [], layouts = layouts)

oci_import = rule(
    implementation = _oci_import_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "The layout: all its files, `glob([\"base/**\"])`, or one target whose only output is a directory, such as images of other rules.",
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
