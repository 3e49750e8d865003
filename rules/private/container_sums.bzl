"""`container_sums`: the digests of a release's images."""

load(":checks.bzl", "fail_at")
load(":references.bzl", "REFERENCE_ATTRS", "published_images", "record_inputs")
load(":requests.bzl", "exec_path", "image_record_request")
load(":sums_output.bzl", "SUMS_ATTRS", "make_sums")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _record_arg(published):
    return "--record=" + json.encode(image_record_request(published, exec_path))

def _container_sums_impl(ctx):
    if not ctx.attr.images and not ctx.attr.deps:
        fail_at(ctx.label, "images", "is empty, and so is `deps`; name images and what they are published as.")
    published = published_images(ctx)

    def add_args(args):
        args.add_all(published, map_each = _record_arg)
        args.add_all(published[0].status, format_each = "--status=%s")
        for key, value in published[0].flags.items():
            args.add("--define=%s=%s" % (key, value))

    return make_sums(
        ctx,
        add_args = add_args if published else None,
        inputs = depset(transitive = [record_inputs(image) for image in published]),
        published = published,
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

Layers are not read. Output groups: `text`, `json`, and `released`: what the digests are of, all bytes of it.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
