"""OCI layouts and archives of them, made by actions of their own that run when somebody asks."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load(":requests.bzl", "exec_path", "layer_request")
load(":toolchain.bzl", "run_verbatim", "verbatim_args")

LAYOUT_ATTRS = {
    "reference": attr.string(
        doc = "The name under which `docker load` and `podman load` put the archive of the output group `tarball`, such as `app:latest`.",
    ),
    "_default_output": attr.label(
        default = "//rules/settings:default_output",
        providers = [BuildSettingInfo],
    ),
    "_layout_links": attr.label(
        default = "//rules/settings:layout_links",
        providers = [BuildSettingInfo],
    ),
}

def _layer_arg(layer):
    return "--layer=" + json.encode(layer_request(layer, exec_path))

def default_info(ctx, outputs, documents):
    """What an image is when nobody says what of it is wanted.

    Args:
        ctx: the context of a rule with `LAYOUT_ATTRS`.
        outputs: the struct of `layout_outputs`.
        documents: list of Files, all that there is of it without its layers.

    Returns:
        A DefaultInfo.
    """
    if ctx.attr._default_output[BuildSettingInfo].value == "documents":
        # Bazel builds the runfiles of whatever it is told to build: no layer may be among them.
        return DefaultInfo(files = depset(documents), runfiles = ctx.runfiles(documents))
    return DefaultInfo(files = depset([outputs.layout]), runfiles = outputs.runfiles)

def layout_outputs(ctx, *, root, objects, layers, layouts, layouts_runfiles):
    """Declare the OCI layout of an image or index, and an archive of it.

    Args:
        ctx: the context of a rule with `LAYOUT_ATTRS`.
        root: File, the manifest or index that the layout is of.
        objects: list of Files, the manifests and configs below it.
        layers: list of OciLayerInfo.
        layouts: depset of Files, layouts that hold further blobs.
        layouts_runfiles: depset of Files, what links in these layouts point to.

    Returns:
        A struct with the Files `layout` and `tarball` and the runfiles that the layout's links point into.
    """
    seen = {}
    for layer in layers:
        seen[layer.blob] = layer
    layers = seen.values()
    inputs = depset(
        [root] + objects + [layer.blob for layer in layers] + [layer.metadata for layer in layers],
        transitive = [layouts, layouts_runfiles],
    )

    def arguments():
        args = verbatim_args(ctx)
        args.add(root, format = "--root=%s")
        args.add_all(objects, format_each = "--object=%s")
        args.add_all(layers, map_each = _layer_arg)
        args.add_all(layouts, format_each = "--layout=%s", expand_directories = False)
        return args

    links = ctx.attr._layout_links[BuildSettingInfo].value
    layout = ctx.actions.declare_directory(ctx.label.name)
    args = arguments()
    args.add(links, format = "--link=%s")
    args.add("--output=" + layout.path)
    run_verbatim(
        ctx,
        command = ["layout", "create"],
        args = [args],
        inputs = inputs,
        outputs = [layout],
        mnemonic = "VerbatimLayout",
        progress_message = "Laying out image %{label}",
    )

    tarball = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = arguments()
    if ctx.attr.reference:
        args.add(ctx.attr.reference, format = "--reference=%s")
    args.add(tarball, format = "--output=%s")
    run_verbatim(
        ctx,
        command = ["layout", "archive"],
        args = [args],
        inputs = inputs,
        outputs = [tarball],
        mnemonic = "VerbatimArchive",
        progress_message = "Archiving image %{label}",
    )

    blobs = depset([layer.blob for layer in layers], transitive = [layouts, layouts_runfiles])
    return struct(
        layout = layout,
        runfiles = ctx.runfiles([layout], transitive_files = blobs if links == "symlink" else None),
        tarball = tarball,
    )
