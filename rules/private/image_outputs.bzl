"""What rules that make an image for one platform hand on."""

load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load(":layout.bzl", "default_info", "layout_outputs")

def declare_image(ctx, name = None):
    """Declare the small files of an image.

    Args:
        ctx: the rule's context.
        name: what their names begin with; by default that of the target.

    Returns:
        A struct of Files.
    """
    name = name or ctx.label.name
    return struct(
        config = ctx.actions.declare_file(name + ".config.json"),
        descriptor = ctx.actions.declare_file(name + ".descriptor.json"),
        digest = ctx.actions.declare_file(name + ".digest"),
        manifest = ctx.actions.declare_file(name + ".manifest.json"),
        metadata = ctx.actions.declare_file(name + ".image.json"),
    )

def add_image_outputs(args, files):
    """Name the files of `declare_image` in the arguments.

    Args:
        args: an Args object.
        files: a struct of `declare_image`.

    Returns:
        The list of Files.
    """
    args.add(files.manifest, format = "--manifest=%s")
    args.add(files.config, format = "--config=%s")
    args.add(files.digest, format = "--digest=%s")
    args.add(files.descriptor, format = "--descriptor=%s")
    args.add(files.metadata, format = "--metadata=%s")
    return [files.manifest, files.config, files.digest, files.descriptor, files.metadata]

def image_providers(ctx, files, *, platform, layers, layouts, layouts_runfiles, remote_blobs = depset()):
    """Declare the layout and put the providers of an image together.

    Args:
        ctx: the context of a rule with `LAYOUT_ATTRS`.
        files: a struct of `declare_image`.
        platform: string, `os/architecture[/variant]`.
        layers: list of OciLayerInfo.
        layouts: depset of Files that hold further layers.
        layouts_runfiles: depset of Files, what links in these layouts point to.
        remote_blobs: depset of structs, see OciImageInfo.

    Returns:
        A list of providers.
    """
    outputs = layout_outputs(
        ctx,
        root = files.manifest,
        objects = [files.config],
        layers = layers,
        layouts = layouts,
        layouts_runfiles = layouts_runfiles,
    )
    return [
        default_info(ctx, outputs, [files.manifest, files.config, files.digest, files.descriptor, files.metadata]),
        OciImageInfo(
            config = files.config,
            descriptor = files.descriptor,
            digest = files.digest,
            layers = layers,
            layouts = layouts,
            layouts_runfiles = layouts_runfiles,
            manifest = files.manifest,
            metadata = files.metadata,
            platform = platform,
            remote_blobs = remote_blobs,
        ),
        OutputGroupInfo(
            config = depset([files.config]),
            descriptor = depset([files.descriptor]),
            digest = depset([files.digest]),
            layout = depset([outputs.layout]),
            manifest = depset([files.manifest]),
            metadata = depset([files.metadata]),
            tarball = depset([outputs.tarball]),
        ),
    ]
