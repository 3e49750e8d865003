"""What every kind of layer has in common: how its archive is made, compressed and handed on."""

load("//rules/private/providers:oci_layer_info.bzl", "OciLayerInfo")
load("//rules/private/providers:oci_layers_info.bzl", "OciLayersInfo")
load(":checks.bzl", "check_exclusive", "check_glob", "check_line", "check_mode", "check_one_of", "fail_at", "parse_owner", "show")
load(":toolchain.bzl", "run_verbatim")

# Compression to the ending of the blob's name and the levels there are.
COMPRESSIONS = {
    "gzip": struct(extension = ".tar.gz", levels = (1, 9)),
    "none": struct(extension = ".tar", levels = None),
    "zstd": struct(extension = ".tar.zst", levels = (1, 19)),
}

ATTRIBUTE_ATTRS = {
    "modes": attr.string_dict(
        doc = "Permissions by path: from a glob over paths in the image (`*` stays within a component, `**` crosses them) to " +
              "octal digits, such as `{\"/usr/bin/*\": \"0755\"}`. A later glob wins. A glob that matches nothing is an error when the layer is built.",
    ),
    "mtimes": attr.string_dict(
        doc = "Modification times by path: from a glob to seconds since 1970.",
    ),
    "owners": attr.string_dict(
        doc = "Owners by path: from a glob to `UID:GID`, two numbers, such as `{\"/home/app/**\": \"1000:1000\"}`.",
    ),
    "xattrs": attr.string_list_dict(
        doc = "Extended attributes by path: from a glob to a list of `NAME=VALUE`, where a value may be `base64:` and bytes, " +
              "such as `{\"/usr/bin/ping\": [\"security.capability=base64:AQAAAgAgAAAAAAAAAAAAAAAAAAA=\"]}`.",
    ),
}

OUTPUT_ATTRS = {
    "compression": attr.string(
        doc = "`gzip` (which every registry and runtime reads), `zstd` (smaller and faster) or `none`. " +
              "The compressed bytes depend on the content, the compression and the level alone.",
        default = "gzip",
    ),
    "level": attr.int(
        doc = "The compression level: 1 to 9 for gzip, 1 to 19 for zstd; 0 takes the default (gzip 6, zstd 3).",
        default = 0,
    ),
    "mtime": attr.int(
        doc = "The modification time of every entry, in seconds since 1970.",
        default = 0,
    ),
}

def check_level(ctx, compression):
    """Fail if the compression has no such level.

    Args:
        ctx: the context of a rule with `OUTPUT_ATTRS`.
        compression: one of `COMPRESSIONS`.
    """
    if not ctx.attr.level:
        return
    if not compression.levels:
        fail_at(ctx.label, "level", "there is no level without compression; remove it, or choose a `compression`.")
    lowest, highest = compression.levels
    if not lowest <= ctx.attr.level or not ctx.attr.level <= highest:
        fail_at(ctx.label, "level", "%d is not a level of %s; write one from %d to %d." % (
            ctx.attr.level,
            ctx.attr.compression,
            lowest,
            highest,
        ))

def layer_resources(_os, _inputs):
    """Tell Bazel how much of the machine making layers takes.

    Args:
        _os: the operating system.
        _inputs: the number of inputs.

    Returns:
        A dict.
    """

    # The program compresses on every core it gets; two is what pays off on any machine.
    return {"cpu": 2, "memory": 128}

def add_attribute_args(ctx, args):
    """Add what `ATTRIBUTE_ATTRS` say to the arguments.

    Args:
        ctx: the rule's context.
        args: an Args object.
    """
    for glob, mode in ctx.attr.modes.items():
        args.add("--set-mode=%s=%s" % (
            check_glob(ctx.label, "modes", glob),
            check_mode(ctx.label, "modes", mode),
        ))
    for glob, owner in ctx.attr.owners.items():
        owner = parse_owner(ctx.label, "owners", owner)
        args.add("--set-owner=%s=%d:%d" % (check_glob(ctx.label, "owners", glob), owner.uid, owner.gid))
    for glob, values in ctx.attr.xattrs.items():
        for value in values:
            check_line(ctx.label, "xattrs", value)
            if not value.partition("=")[0] or "=" not in value:
                fail_at(ctx.label, "xattrs", "{} is not NAME=VALUE; write for example \"user.comment=text\".".format(repr(value)))
            args.add("--set-xattr=%s=%s" % (check_glob(ctx.label, "xattrs", glob), value))
    for glob, mtime in ctx.attr.mtimes.items():
        if not mtime.isdigit():
            fail_at(ctx.label, "mtimes", "{} is not a time; write seconds since 1970, such as \"1700000000\".".format(repr(mtime)))
        args.add("--set-mtime=%s=%s" % (check_glob(ctx.label, "mtimes", glob), mtime))

def declare_layer(ctx, *, command, args, entries = None, operands = None, inputs, mnemonic, progress_message, name = None, path_mapping = True):
    """Declare the one action that makes a layer.

    Args:
        ctx: the context of a rule with `OUTPUT_ATTRS`, of which `mtime` may be missing.
        command: the subcommand: `layer`, `normalize`, or a list of words such as `packages install`.
        args: an Args object that says what comes into the layer.
        entries: an Args object of `entry_list`.
        operands: Files that stand at the end of the command line.
        inputs: depset of Files.
        mnemonic: the action's mnemonic.
        progress_message: what Bazel shows while it runs.
        name: what the names of the outputs begin with; by default that of the target.
        path_mapping: whether all paths stand in `args`, where Bazel can map them.

    Returns:
        An OciLayerInfo.
    """
    name = name or ctx.label.name
    compression = COMPRESSIONS[check_one_of(ctx.label, "compression", ctx.attr.compression, sorted(COMPRESSIONS))]
    check_level(ctx, compression)

    # Without the attribute times are what the subcommand makes them.
    mtime = getattr(ctx.attr, "mtime", None)
    if mtime != None and mtime < 0:
        fail_at(ctx.label, "mtime", "%d lies before 1970; write seconds since then." % mtime)
    clamp = getattr(ctx.attr, "clamp_mtime", -1)
    if clamp >= 0:
        check_exclusive(ctx.label, {"clamp_mtime": True, "mtime": mtime != 0})

    blob = ctx.actions.declare_file(name + compression.extension)
    metadata = ctx.actions.declare_file(name + ".layer.json")

    args.add(ctx.attr.compression, format = "--compression=%s")
    if ctx.attr.level:
        args.add("--level=%d" % ctx.attr.level)
    if clamp >= 0:
        args.add("--clamp-mtime=%d" % clamp)
    elif mtime != None:
        args.add("--mtime=%d" % mtime)
    args.add(metadata, format = "--metadata=%s")
    args.add(blob, format = "--output=%s")
    if operands:
        args.add_all(operands, expand_directories = False)

    run_verbatim(
        ctx,
        command = [command] if type(command) == "string" else command,
        args = [args, entries] if entries else [args],
        inputs = inputs,
        outputs = [blob, metadata],
        mnemonic = mnemonic,
        progress_message = progress_message,
        path_mapping = path_mapping,
        resource_set = layer_resources,
    )
    return OciLayerInfo(blob = blob, metadata = metadata)

def make_layer(ctx, **kwargs):
    """Declare the one action that makes a layer, and the rule's providers.

    Args:
        ctx: the context of a rule with `OUTPUT_ATTRS`, of which `mtime` may be missing.
        **kwargs: what `declare_layer` takes.

    Returns:
        A list of providers.
    """
    layer = declare_layer(ctx, **kwargs)
    return [
        DefaultInfo(files = depset([layer.blob])),
        layer,
        OutputGroupInfo(
            blob = depset([layer.blob]),
            metadata = depset([layer.metadata]),
        ),
    ]

def layers_of(label, target):
    """The layers that a target is.

    Args:
        label: the Label of the target that asks, whose attribute `layers` names the other.
        target: the Target.

    Returns:
        A list of OciLayerInfo, the lowest first.
    """
    if OciLayersInfo in target:
        return target[OciLayersInfo].layers
    if OciLayerInfo in target:
        return [target[OciLayerInfo]]
    return fail_at(label, "layers", "{} is not a layer; make one of it with `tar_layer` (for an archive), `oci_layer` or `binary_layer`.".format(show(target.label)))
