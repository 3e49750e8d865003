"""`binary_layer`: one program with its runfiles as a layer."""

load(":checks.bzl", "check_mode", "image_path")
load(":entries.bzl", "add_entries", "add_executable", "entry_list", "symlink_entry")
load(":layer.bzl", "DEFAULT_ATTRS", "add_default_args")
load(":layer_output.bzl", "ATTRIBUTE_ATTRS", "OUTPUT_ATTRS", "add_attribute_args", "make_layer")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_args")

# A program, and where it goes.
PROGRAM_ATTRS = {
    "binary": attr.label(
        doc = "The executable target, in any language.",
        allow_files = True,
        cfg = "target",
        executable = True,
        mandatory = True,
    ),
    "launcher": attr.string(
        doc = "A further path, such as `/usr/bin/server`, that is a symbolic link to the executable.",
    ),
    "mode": attr.string(
        doc = "The mode of the executable, octal.",
        default = "0755",
    ),
    "path": attr.string(
        doc = "Where the executable goes in the image. A path that ends in `/` keeps its file name; the default is `/app/`.",
    ),
    "runfiles_mode": attr.string(
        doc = "The mode of runfiles, octal. Any of them may be a program, hence the default.",
        default = "0755",
    ),
    "_empty": attr.label(
        allow_single_file = True,
        default = "//rules/private:empty",
    ),
}

def program_path(ctx):
    """Where the executable goes in the image.

    Args:
        ctx: the context of a rule with `PROGRAM_ATTRS`.

    Returns:
        A path without a slash in front.
    """
    path = ctx.attr.path or "/app/"
    if not path.endswith("/"):
        return image_path(ctx.label, "path", path)
    folder = "" if path == "/" else image_path(ctx.label, "path", path)
    return (folder + "/" if folder else "") + ctx.executable.binary.basename

def launcher_entries(ctx, path):
    """The link to the executable, if there is to be one.

    Args:
        ctx: the context of a rule with `PROGRAM_ATTRS`.
        path: where the executable is.

    Returns:
        A list of entries.
    """
    if not ctx.attr.launcher:
        return []
    return [symlink_entry(
        image_path(ctx.label, "launcher", ctx.attr.launcher),
        "/" + path,
        origin = "launcher of {}".format(ctx.label.name),
    )]

def _binary_layer_impl(ctx):
    label = ctx.label
    path = program_path(ctx)
    args = verbatim_args(ctx)
    add_default_args(ctx, args)
    add_attribute_args(ctx, args)
    entries = entry_list(ctx)
    inputs = add_executable(
        entries,
        ctx.attr.binary,
        path,
        workspace = ctx.workspace_name,
        mode = check_mode(label, "mode", ctx.attr.mode),
        runfiles_mode = check_mode(label, "runfiles_mode", ctx.attr.runfiles_mode),
        empty = ctx.file._empty,
        include_runfiles = ctx.attr.include_runfiles,
    )
    add_entries(entries, launcher_entries(ctx, path))

    return make_layer(
        ctx,
        command = "layer",
        args = args,
        entries = entries,
        inputs = inputs,
        mnemonic = "VerbatimLayer",
        progress_message = "Making layer %{label}",
    )

binary_layer = rule(
    implementation = _binary_layer_impl,
    attrs = {
        "include_runfiles": attr.bool(
            doc = "Whether the runfiles come too. A static program that reads none can do without.",
            default = True,
        ),
    } | PROGRAM_ATTRS | DEFAULT_ATTRS | ATTRIBUTE_ATTRS | OUTPUT_ATTRS,
    doc = """An executable with its runfiles as a layer, laid out as `bazel run` lays it out.

The executable is at `path`, its runfiles at `<path>.runfiles/<repository>/<path in it>`, with the repository mapping in `_repo_mapping`,
with the symbolic links and the empty files (`__init__.py`) of the runfiles. Where the runfiles hold the executable itself, a link stands
in its place, so that its bytes are in the image once.

```starlark
binary_layer(
    name = "layer",
    binary = ":server",
    path = "/usr/bin/server",
)
```

Outputs as of `oci_layer`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
