"""`layer_plan`: layers taken apart and put together by component, so that a release costs only what changed."""

load("//rules/private/providers:oci_layer_info.bzl", "OciLayerInfo")
load(":checks.bzl", "check_line", "check_one_of", "fail_at", "show")
load(":entries.bzl", "entry_list")
load(":layer_output.bzl", "COMPRESSIONS", "OUTPUT_ATTRS", "check_level", "layer_resources", "layers_of")
load(":requests.bzl", "archive_entry_request")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")

def _layer_plan_impl(ctx):
    label = ctx.label
    if ctx.attr.count < 1 or ctx.attr.count > 127:
        fail_at(label, "count", "%d is no number of layers; write one from 1 to 127." % ctx.attr.count)
    if not ctx.attr.layers:
        fail_at(label, "layers", "is empty; name the layers that are to be taken apart.")
    compression = check_one_of(label, "compression", ctx.attr.compression, sorted(COMPRESSIONS))
    check_level(ctx, COMPRESSIONS[compression])

    blobs = ctx.actions.declare_directory(label.name + ".layers")
    metadata = ctx.actions.declare_file(label.name + ".layers.json")
    plan = ctx.actions.declare_file(label.name + ".plan.json")
    picture = ctx.actions.declare_file(label.name + ".plan.svg")

    args = verbatim_args(ctx)
    inputs = []
    entries = entry_list(ctx)
    for target in ctx.attr.layers:
        for layer in layers_of(label, target):
            if layer.blob.is_directory:
                fail_at(label, "layers", "{} is a plan already; name the layers that it is made of.".format(show(target.label)))
            inputs.append(layer.blob)
            entries.add(json.encode(archive_entry_request(layer.blob, component = show(target.label), origin = show(target.label))))
    for name, globs in ctx.attr.components.items():
        for glob in globs:
            args.add("--component=%s=%s" % (check_line(label, "components", name), check_line(label, "components", glob)))
    if ctx.file.previous:
        inputs.append(ctx.file.previous)
        args.add(ctx.file.previous, format = "--previous=%s")
    args.add("--layers=%d" % ctx.attr.count)
    args.add("--compression=" + compression)
    if ctx.attr.level:
        args.add("--level=%d" % ctx.attr.level)
    if ctx.attr.mtime < 0:
        fail_at(label, "mtime", "%d lies before 1970; write seconds since then." % ctx.attr.mtime)
    args.add("--mtime=%d" % ctx.attr.mtime)
    args.add(plan, format = "--plan=%s")
    args.add(picture, format = "--svg=%s")
    args.add(metadata, format = "--metadata=%s")

    # By its path: a directory would be unfolded into what is in it.
    args.add("--output=" + blobs.path)
    run_verbatim(
        ctx,
        command = ["layer"],
        args = [args, entries],
        inputs = inputs,
        outputs = [blobs, metadata, plan, picture],
        mnemonic = "VerbatimLayerPlan",
        progress_message = "Planning layers %{label}",
        resource_set = layer_resources,
    )
    return [
        DefaultInfo(files = depset([blobs])),
        OciLayerInfo(blob = blobs, metadata = metadata),
        OutputGroupInfo(
            blob = depset([blobs]),
            metadata = depset([metadata]),
            picture = depset([picture]),
            plan = depset([plan]),
        ),
    ]

layer_plan = rule(
    implementation = _layer_plan_impl,
    attrs = {
        "components": attr.string_list_dict(
            doc = "Paths that belong together: from a name to globs over paths in the image, with all below them. They count for more than any package database. " +
                  "What no database accounts for is a component for each of `layers`.",
        ),
        "count": attr.int(
            doc = "How many layers there may be, 1 to 127.",
            mandatory = True,
        ),
        "layers": attr.label_list(
            doc = "The layers that are taken apart: `package_layer`, `oci_layer`, `binary_layer`, `tar_layer`. What two of them say about one path must be the same.",
            # Whatever is no layer gets our own message.
            allow_files = True,
            mandatory = True,
        ),
        "previous": attr.label(
            doc = "The plan of the release before (the output group `plan` of its build): what did not change keeps its layer to the last byte.",
            allow_single_file = True,
        ),
    } | OUTPUT_ATTRS,
    doc = """Layers by component, so that whoever has the last release fetches only what changed.

The components are those that the files themselves tell of: packages of Debian, RPM and Alpine, of Python and npm, programs of Go and Cargo.

```starlark
layer_plan(
    name = "plan",
    count = 40,
    layers = [":packages", ":app"],
    previous = "released.plan.json",
)

oci_image(
    name = "image",
    layers = [":plan"],
)
```

Outputs: the directory `<name>.layers` with the blobs; in the output group `plan` the file `<name>.plan.json`, which the next release takes as
`previous`; in `picture` a drawing of the layers, `<name>.plan.svg`; in `metadata` what is known of each layer.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
