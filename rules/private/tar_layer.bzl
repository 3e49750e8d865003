"""`tar_layer`: a tar archive from anywhere as a layer with canonical bytes."""

load(":checks.bzl", "check_exclusive", "check_glob", "check_mode", "check_one_of", "fail_at", "image_path", "parse_owner")
load(":layer_output.bzl", "ATTRIBUTE_ATTRS", "OUTPUT_ATTRS", "add_attribute_args", "make_layer")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_args")

def _tar_layer_impl(ctx):
    label = ctx.label
    args = verbatim_args(ctx)
    for glob in ctx.attr.include:
        args.add(check_glob(label, "include", glob), format = "--include=%s")
    for glob in ctx.attr.exclude:
        args.add(check_glob(label, "exclude", glob), format = "--exclude=%s")
    check_exclusive(label, {
        "strip_components": ctx.attr.strip_components != 0,
        "strip_prefix": bool(ctx.attr.strip_prefix),
    })
    if ctx.attr.strip_components < 0:
        fail_at(label, "strip_components", "%d is less than nothing; write 0 or more." % ctx.attr.strip_components)
    if ctx.attr.strip_components:
        args.add("--strip-components=%d" % ctx.attr.strip_components)
    if ctx.attr.strip_prefix:
        args.add("--strip-prefix=" + image_path(label, "strip_prefix", ctx.attr.strip_prefix))
    for old, new in ctx.attr.renames.items():
        args.add("--rename=%s=%s" % (image_path(label, "renames", old), image_path(label, "renames", new, allow_root = True)))
    if ctx.attr.prefix:
        prefix = image_path(label, "prefix", ctx.attr.prefix, allow_root = True)
        if prefix:
            args.add("--prefix=" + prefix)
    if ctx.attr.owner:
        owner = parse_owner(label, "owner", ctx.attr.owner)
        args.add("--owner=%d:%d" % (owner.uid, owner.gid))
    if ctx.attr.file_mode:
        args.add("--file-mode=" + check_mode(label, "file_mode", ctx.attr.file_mode))
    if ctx.attr.directory_mode:
        args.add("--dir-mode=" + check_mode(label, "directory_mode", ctx.attr.directory_mode))
    if ctx.attr.create_parents:
        args.add("--create-parents")
    args.add("--devices=" + check_one_of(label, "devices", ctx.attr.devices, ["keep", "reject"]))
    add_attribute_args(ctx, args)

    if not ctx.files.srcs:
        fail_at(label, "srcs", "holds no file; name at least one tar archive.")
    for file in ctx.files.srcs:
        if file.is_directory:
            fail_at(label, "srcs", "{} is a directory and not an archive; use `oci_layer` for it.".format(repr(file.short_path)))

    return make_layer(
        ctx,
        command = "normalize",
        args = args,
        operands = ctx.files.srcs,
        inputs = depset(ctx.files.srcs),
        mnemonic = "VerbatimLayer",
        progress_message = "Normalizing layer %{label}",
    )

tar_layer = rule(
    implementation = _tar_layer_impl,
    attrs = {
        "clamp_mtime": attr.int(
            doc = "The latest modification time, in seconds since 1970: later ones become this one, earlier ones stay. By default all become `mtime`.",
            default = -1,
        ),
        "create_parents": attr.bool(
            doc = "Whether directories above the entries are written too, where the archives hold none (0755, owner 0:0).",
        ),
        "devices": attr.string(
            doc = "Whether device files and named pipes are kept (`keep`) or are an error (`reject`).",
            default = "reject",
        ),
        "directory_mode": attr.string(
            doc = "A mode for all directories, octal; without it they keep theirs.",
        ),
        "exclude": attr.string_list(
            doc = "Globs over paths in the archives: what matches is left out, with all below it.",
        ),
        "file_mode": attr.string(
            doc = "A mode for all files, octal; without it they keep theirs.",
        ),
        "include": attr.string_list(
            doc = "Globs over paths in the archives: only what matches comes in, with all below it.",
        ),
        "owner": attr.string(
            doc = "An owner for everything, `UID:GID`; without it entries keep their numbers. Names of owners are dropped.",
        ),
        "prefix": attr.string(
            doc = "A path that is put in front of every path, such as `/opt/app`.",
        ),
        "renames": attr.string_dict(
            doc = "Other names, after stripping: from a path, with all below it, to another.",
        ),
        "srcs": attr.label_list(
            doc = "Tar archives of any dialect, plain or compressed with gzip, zstd, xz or bzip2. Several become one layer; " +
                  "two different contents for one path are an error.",
            allow_empty = False,
            allow_files = True,
            mandatory = True,
        ),
        "strip_components": attr.int(
            doc = "How many components are taken from the front of every path; shorter paths are left out.",
        ),
        "strip_prefix": attr.string(
            doc = "A path that is taken from the front of the paths below it.",
        ),
    } | ATTRIBUTE_ATTRS | OUTPUT_ATTRS,
    doc = """Tar archives as one layer whose bytes depend on what they hold, and not on how they were written.

Modes, numeric owners, extended attributes, links and whiteouts are kept; the order of entries, times (`mtime` for all), names of owners
and the archive's dialect are not.

```starlark
tar_layer(
    name = "rootfs",
    srcs = ["@rootfs//file:rootfs.tar.xz"],
    exclude = ["/var/cache/**"],
)
```

Outputs as of `oci_layer`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
