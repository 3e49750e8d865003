"""`oci_load`: an image into the container engine of this machine."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load(":checks.bzl", "check_line", "fail_at", "show")
load(":foreign.bzl", "foreign_image")
load(":push_from.bzl", "PUSH_FROM_ATTRS", "from_cache")
load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")

def _documents(ctx, image):
    """A layout of an image without its layers, or None where they cannot be left out.

    Args:
        ctx: the context.
        image: the Target.

    Returns:
        A File, a directory.
    """
    if OciIndexInfo in image:
        root = image[OciIndexInfo].index
        images = image[OciIndexInfo].images
        objects = [one.manifest for one in images] + [one.config for one in images]
    elif OciImageInfo in image:
        root = image[OciImageInfo].manifest
        objects = [image[OciImageInfo].config]
    else:
        return foreign_image(ctx.label, "image", image).documents
    documents = ctx.actions.declare_directory(ctx.label.name + ".documents")
    args = verbatim_args(ctx)
    args.add(root, format = "--root=%s")
    args.add_all(objects, format_each = "--object=%s")
    args.add("--without-layers")
    args.add("--output=" + documents.path)
    run_verbatim(
        ctx,
        command = ["layout", "create"],
        args = [args],
        inputs = depset([root] + objects),
        outputs = [documents],
        mnemonic = "VerbatimDocuments",
        progress_message = "Laying out the documents of %{label}",
    )
    return documents

def _layout(ctx, image):
    """What is loaded from files.

    Args:
        ctx: the context.
        image: the Target.

    Returns:
        A struct of `file`, a layout or an archive of one, and `runfiles`, a depset of what links in it point to.
    """
    own = [image[OciImageInfo]] if OciImageInfo in image else image[OciIndexInfo].images if OciIndexInfo in image else []
    if own:
        # Its default output may be its documents alone.
        blobs = depset(
            [layer.blob for one in own for layer in one.layers],
            transitive = [files for one in own for files in [one.layouts, one.layouts_runfiles]],
        )
        links = ctx.attr._layout_links[BuildSettingInfo].value == "symlink"
        return struct(file = image[OutputGroupInfo].layout.to_list()[0], runfiles = blobs if links else depset())
    foreign = foreign_image(ctx.label, "image", image)
    return struct(file = foreign.layout or foreign.file, runfiles = foreign.runfiles)

def _load_impl(ctx):
    label = ctx.label
    image = ctx.attr.image
    name = check_line(label, "reference", ctx.attr.reference)
    documents = _documents(ctx, image) if from_cache(ctx) else None
    if documents:
        return [run_program(ctx, ["load", operand(runfiles_path(documents)), name], files = [documents])]
    layout = _layout(ctx, image)
    if not layout.file:
        fail_at(label, "image", "{} has no OCI layout to load (an output group `oci_layout` with one directory).".format(show(image.label)))
    return [run_program(
        ctx,
        ["load", operand(runfiles_path(layout.file)), name],
        files = [layout.file],
        transitive_files = [layout.runfiles],
    )]

load_program = rule(
    implementation = _load_impl,
    attrs = PUSH_FROM_ATTRS | {
        "image": attr.label(
            doc = "The image.",
            allow_files = True,
            mandatory = True,
        ),
        "reference": attr.string(
            doc = "Its name in the engine.",
            mandatory = True,
        ),
        "_layout_links": attr.label(
            default = "//rules/settings:layout_links",
            providers = [BuildSettingInfo],
        ),
    },
    doc = "`verbatim load` with an image.",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def oci_load(name, image, reference, args = [], **kwargs):
    """Load an image into podman, docker or containerd: `bazel run :<name>`.

    The image is streamed to the engine's socket, and what the engine made of it is compared with what was built. What the engine has already is left out.
    What follows `--` goes to `verbatim load`: `bazel run :<name> -- --engine=podman`.

    With `--@rules_verbatim//rules/settings:push_from=cache` the layers stay in the build's cache, and the program takes them from there:
    `bazel run … :<name> -- --cache=grpc://HOST:PORT`, or `--cache=DIR` with the folder of `--disk_cache`.

    ```starlark
    oci_load(
        name = "load",
        image = ":image",
        reference = "server:latest",
    )
    ```

    Args:
        name: the name of the target.
        image: an image or index, of these rules, of rules_oci, rules_img or rules_apko; or another target whose only output is an OCI layout.
        reference: the name under which the engine has it, such as `server:latest`.
        args: further arguments of `verbatim load`.
        **kwargs: attributes that all rules have, such as `tags` and `visibility`.
    """
    load_program(
        name = name,
        args = program_args(name) + args,
        image = image,
        reference = reference,
        **kwargs
    )
