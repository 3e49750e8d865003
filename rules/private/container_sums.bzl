"""`container_sums`: the digests of a release's images."""

load(":checks.bzl", "fail_at")
load(":references.bzl", "REFERENCE_ATTRS", "add_values", "published_images")
load(":sums_output.bzl", "SUMS_ATTRS", "make_sums")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _paths(image):
    return {"config": image.config.path, "manifest": image.manifest.path, "metadata": image.metadata.path}

def _record_arg(record):
    fields = dict(record.fields)
    reference = dict(fields["reference"])
    for part, file in record.reference_files.items():
        reference[part] = {"file": file.path}
    fields["reference"] = reference
    if record.kind == "image":
        fields.update(_paths(record.image))
    elif record.kind == "index":
        fields["index"] = record.index.index.path
        fields["images"] = [_paths(image) for image in record.index.images]
    else:
        for key, file in record.files.items():
            fields[key] = file.path
    return "--record=" + json.encode(fields)

def _container_sums_impl(ctx):
    if not ctx.attr.images and not ctx.attr.deps:
        fail_at(ctx.label, "images", "is empty, and so is `deps`; name images and what they are published as.")
    published = published_images(ctx)

    def add_args(args):
        args.add_all(published.records, map_each = _record_arg)
        add_values(args, published)

    return make_sums(
        ctx,
        add_args = add_args if published.records else None,
        inputs = published.inputs + published.status,
        published = published if published.records else None,
    )

container_sums = rule(
    implementation = _container_sums_impl,
    attrs = REFERENCE_ATTRS | SUMS_ATTRS,
    doc = """The digests of images under the references they are published as: what a release is checked against.

`<name>.sha256` has a line per image, sorted:

    <64 hexadecimal digits>  <registry>[/<prefix>]/<name>[:<tag>]

The digest is that of what a registry serves under the reference: the manifest, or the index of an image for several platforms. It is computed
from their bytes. `<name>.json` says of each image also its ID, its platforms and its layers. One reference with two digests is an error.

```starlark
container_sums(
    name = "container_sums",
    images = {
        "//server:index": "server",
        "//tools:image": "tools tools:latest",
    },
    prefix = "example",
    registry = "registry.example.com",
    tag = "v1.0.0",
)
```

Layers are not read. Output groups: `text`, `json`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
