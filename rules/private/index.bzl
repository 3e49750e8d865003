"""`oci_index`: one image for several platforms."""

load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load(":checks.bzl", "check_exclusive", "check_one_of", "fail_at", "show")
load(":layout.bzl", "LAYOUT_ATTRS", "default_info", "layout_outputs")
load(":media_types.bzl", "MEDIA_TYPES", "MEDIA_TYPE_ATTRS")
load(":requests.bzl", "documents_request", "exec_path")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")
load(":transitions.bzl", "each_platform_transition")

def _image_arg(image):
    return "--image=" + json.encode(documents_request(image, exec_path))

def _oci_index_impl(ctx):
    label = ctx.label
    check_exclusive(label, {"images": bool(ctx.attr.images), "image": bool(ctx.attr.image)})
    if bool(ctx.attr.image) != bool(ctx.attr.platforms):
        if ctx.attr.image:
            fail_at(label, "platforms", "is empty, and `image` is to be built for each of them; name at least one platform.")
        fail_at(label, "platforms", "is for `image`; images of `images` have platforms of their own.")
    targets = ctx.attr.images or ctx.attr.image
    if not targets:
        fail_at(label, "images", "is empty; name images, or one `image` and its `platforms`.")

    images = []
    known = {}
    for target in targets:
        if OciImageInfo not in target:
            fail_at(label, "images", "{} is not an image for one platform; name targets of `oci_image` or `oci_import`.".format(show(target.label)))
        image = target[OciImageInfo]
        if image.platform in known:
            fail_at(label, "platforms" if ctx.attr.image else "images", "{} and {} are both for {}; an index has one image for a platform.".format(
                known[image.platform],
                show(target.label),
                image.platform,
            ))
        known[image.platform] = show(target.label)
        images.append(image)

    for key in ctx.attr.annotations:
        if not key or "=" in key:
            fail_at(label, "annotations", "{} is not a name; it must not be empty or hold \"=\".".format(repr(key)))

    index = ctx.actions.declare_file(label.name + ".index.json")
    digest = ctx.actions.declare_file(label.name + ".digest")
    descriptor = ctx.actions.declare_file(label.name + ".descriptor.json")
    metadata = ctx.actions.declare_file(label.name + ".metadata.json")
    args = verbatim_args(ctx)
    args.add_all(images, map_each = _image_arg)
    args.add(check_one_of(label, "media_types", ctx.attr.media_types, MEDIA_TYPES), format = "--media-types=%s")
    for key, value in ctx.attr.annotations.items():
        if "\n" in value:
            fail_at(label, "annotations", "the value of {} holds a line feed; write it on one line.".format(repr(key)))
        args.add("--annotation=%s=%s" % (key, value))
    args.add(index, format = "--index=%s")
    args.add(digest, format = "--digest=%s")
    args.add(descriptor, format = "--descriptor=%s")
    args.add(metadata, format = "--metadata=%s")

    inputs = []
    objects = []
    for image in images:
        inputs.extend([image.manifest, image.config, image.metadata])
        objects.extend([image.manifest, image.config])
    run_verbatim(
        ctx,
        command = ["index"],
        args = [args],
        inputs = inputs,
        outputs = [index, digest, descriptor, metadata],
        mnemonic = "VerbatimIndex",
        progress_message = "Making image index %{label}",
        path_mapping = True,
    )
    outputs = layout_outputs(
        ctx,
        root = index,
        objects = objects,
        layers = [layer for image in images for layer in image.layers],
        layouts = depset(transitive = [image.layouts for image in images]),
        layouts_runfiles = depset(transitive = [image.layouts_runfiles for image in images]),
    )
    return [
        default_info(ctx, outputs, [index, digest, descriptor, metadata]),
        OciIndexInfo(
            descriptor = descriptor,
            digest = digest,
            images = images,
            index = index,
            metadata = metadata,
        ),
        OutputGroupInfo(
            config = depset([image.config for image in images]),
            descriptor = depset([descriptor]),
            digest = depset([digest]),
            layout = depset([outputs.layout]),
            manifest = depset([index]),
            metadata = depset([metadata]),
            tarball = depset([outputs.tarball]),
        ),
    ]

oci_index = rule(
    implementation = _oci_index_impl,
    attrs = {
        "annotations": attr.string_dict(
            doc = "Annotations of the index.",
        ),
        "image": attr.label(
            doc = "One image, built once for each of `platforms`.",
            allow_files = True,
            cfg = each_platform_transition,
        ),
        "images": attr.label_list(
            doc = "Images, one for a platform. Each is built for its own `platform`.",
            # Whatever is no image gets our own message.
            allow_files = True,
        ),
        "platforms": attr.label_list(
            doc = "The Bazel platforms that `image` is built for.",
            providers = [platform_common.PlatformInfo],
        ),
    } | LAYOUT_ATTRS | MEDIA_TYPE_ATTRS,
    doc = """An image for several platforms.

Either from `images`, each with a platform of its own, or from one `image` without a `platform`, built for each of `platforms`.

```starlark
oci_index(
    name = "index",
    image = ":image",
    platforms = [
        "//platforms:linux_amd64",
        "//platforms:linux_arm64",
    ],
)
```

Outputs as of `oci_image`; the layout's `index.json` has one descriptor, that of the index. The output group `manifest` holds the index,
`config` the config of every image.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
