"""An image out of a layout that was made elsewhere: for `oci_import`, and for a `base` of other rules."""

load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load(":checks.bzl", "fail_at", "show")
load(":foreign.bzl", "foreign_image")
load(":image_outputs.bzl", "add_image_outputs", "declare_image")
load(":toolchain.bzl", "run_verbatim", "verbatim_args")

def import_layout(ctx, path, *, inputs, platform, name = None, shallow = False):
    """Pick the image for a platform out of a layout.

    Args:
        ctx: the rule's context.
        path: where the layout is.
        inputs: a depset or list of Files.
        platform: string, `os/architecture[/variant]`.
        name: what the names of the outputs begin with; by default that of the target.
        shallow: whether documents alone are read. Else every byte of the layers is checked.

    Returns:
        The struct of `declare_image`.
    """
    args = verbatim_args(ctx)
    args.add("--platform=" + platform)
    if shallow:
        args.add("--shallow")
    files = declare_image(ctx, name)
    outputs = add_image_outputs(args, files)
    args.add(path)
    run_verbatim(
        ctx,
        command = ["layout", "import"],
        args = [args],
        inputs = inputs,
        outputs = outputs,
        mnemonic = "VerbatimImport",
        progress_message = "Reading the manifest of %{label}" if shallow else "Importing image %{label}",
    )
    return files

def foreign_base(ctx, target, *, platform):
    """The image of a target of other rules, as a base. Its layers are not read before somebody needs their bytes.

    Args:
        ctx: the context of a rule with the attribute `base`.
        target: the Target.
        platform: string, `os/architecture[/variant]`.

    Returns:
        An OciImageInfo.
    """
    foreign = foreign_image(ctx.label, "base", target)
    layout = foreign.layout or (foreign.file if foreign.file and foreign.file.extension == "tar" else None)
    if not layout:
        fail_at(ctx.label, "base", "{} is not an image with its layers; name an image, or one of other rules that has an OCI layout (rules_img: an `image_manifest`, not what it pulled).".format(show(target.label)))
    documents = foreign.documents or layout
    files = import_layout(
        ctx,
        documents.path,
        inputs = depset([documents], transitive = [] if foreign.documents else [foreign.runfiles]),
        name = ctx.label.name + ".base",
        platform = platform,
        shallow = True,
    )
    return OciImageInfo(
        config = files.config,
        descriptor = files.descriptor,
        digest = files.digest,
        layers = [],
        layouts = depset([layout]),
        layouts_runfiles = foreign.runfiles,
        manifest = files.manifest,
        metadata = files.metadata,
        platform = platform,
        remote_blobs = depset(),
    )
