"""`oci_image`: layers and a configuration as an image for one platform."""

load("//rules/private/platform:target_platform.bzl", "PLATFORM_ATTRS", "platform_text", "resolve_platform")
load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load(":checks.bzl", "check_exclusive", "check_line", "check_one_of", "fail_at", "show")
load(":image_outputs.bzl", "add_image_outputs", "declare_image", "image_providers")
load(":imported.bzl", "foreign_base")
load(":layer_output.bzl", "layers_of")
load(":layout.bzl", "LAYOUT_ATTRS")
load(":media_types.bzl", "MEDIA_TYPES", "MEDIA_TYPE_ATTRS")
load(":requests.bzl", "image_spec_request")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")
load(":transitions.bzl", "release_transition")

# What may stand in the BUILD file or in a file of its own.
_OR_FILE = ["annotations", "cmd", "created", "entrypoint", "env", "labels"]

def _same_platform(a, b):
    # `v8` is what every arm64 is.
    return a.removesuffix("arm64/v8") + ("arm64" if a.endswith("arm64/v8") else "") == \
           b.removesuffix("arm64/v8") + ("arm64" if b.endswith("arm64/v8") else "")

def _base_image(ctx, platform):
    """The image that `base` names: itself, or the one for the platform out of an index."""
    base = ctx.attr.base
    if not base:
        return None
    if OciImageInfo in base:
        return base[OciImageInfo]
    wanted = platform_text(platform)
    if OciIndexInfo not in base:
        return foreign_base(ctx, base, platform = wanted)
    images = base[OciIndexInfo].images
    for image in images:
        if _same_platform(image.platform, wanted):
            return image
    return fail_at(ctx.label, "base", "{} has no image for {}, only for {}; add that platform to it, or build for another.".format(
        show(base.label),
        wanted,
        ", ".join([image.platform for image in images]),
    ))

def _check_keys(label, attribute, values):
    for key in values:
        if not key or "=" in key:
            fail_at(label, attribute, "{} is not a name; it must not be empty or hold \"=\".".format(repr(key)))

def _is_port(text):
    number, _, protocol = text.partition("/")
    if "/" in text and protocol not in ["tcp", "udp", "sctp"]:
        return False
    ends = number.split("-")
    if len(ends) > 2:
        return False
    for end in ends:
        if not end.isdigit() or len(end) > 5 or int(end) < 1 or int(end) > 65535:
            return False
    return int(ends[0]) <= int(ends[-1])

def _is_time(text):
    # The program checks the days of months; here what is obviously something else is caught.
    if text.isdigit():
        return True
    form = "".join(["0" if c.isdigit() else c for c in text.elems()])
    date, _, time = form.partition("T")
    return date == "0000-00-00" and time.startswith("00:00:00") and (time.endswith("Z") or time[-6:] in ["+00:00", "-00:00"])

def _spec(ctx, platform):
    label = ctx.label
    for attribute in ["env", "labels", "annotations"]:
        _check_keys(label, attribute, getattr(ctx.attr, attribute))
    for port in ctx.attr.exposed_ports:
        if not _is_port(port):
            fail_at(label, "exposed_ports", "{} is not a port; write one such as \"8080\", \"8080/tcp\", \"53/udp\" or \"8000-8010/tcp\".".format(repr(port)))
    for volume in ctx.attr.volumes:
        if not volume.startswith("/"):
            fail_at(label, "volumes", "{} is not an absolute path; write one such as \"/data\".".format(repr(volume)))
    signal = ctx.attr.stop_signal
    if signal and not signal.isdigit() and not signal.startswith("SIG"):
        fail_at(label, "stop_signal", "{} is not a signal; write a name such as \"SIGTERM\", or a number.".format(repr(signal)))
    if ctx.attr.created and not _is_time(ctx.attr.created):
        fail_at(label, "created", "{} is not a time; write one such as \"2024-05-06T07:08:09Z\", or seconds since 1970.".format(repr(ctx.attr.created)))

    return image_spec_request(ctx.attr, platform)

def _oci_image_impl(ctx):
    label = ctx.label
    platform = resolve_platform(ctx)
    base = _base_image(ctx, platform)
    layers = []
    for target in ctx.attr.layers:
        layers.extend(layers_of(label, target))

    inputs = [layer.metadata for layer in layers]
    args = verbatim_args(ctx)
    if base:
        args.add(base.manifest, format = "--base-manifest=%s")
        args.add(base.config, format = "--base-config=%s")
        args.add(base.metadata, format = "--base-metadata=%s")
        inputs.extend([base.manifest, base.config, base.metadata])
    args.add_all(inputs[:len(layers)], format_each = "--layer=%s")
    args.add(json.encode(_spec(ctx, platform)), format = "--spec=%s")
    args.add(check_one_of(label, "media_types", ctx.attr.media_types, MEDIA_TYPES), format = "--media-types=%s")
    for attribute in _OR_FILE:
        file = getattr(ctx.file, attribute + "_file")
        check_exclusive(label, {
            attribute: bool(getattr(ctx.attr, attribute)),
            attribute + "_file": file != None,
        })
        if file:
            args.add(file, format = "--%s-file=%%s" % attribute)
            inputs.append(file)
    check_line(label, "reference", ctx.attr.reference)

    files = declare_image(ctx)
    run_verbatim(
        ctx,
        command = ["image"],
        args = [args],
        inputs = inputs,
        outputs = add_image_outputs(args, files),
        mnemonic = "VerbatimImage",
        progress_message = "Making image %{label}",
        path_mapping = True,
    )
    return image_providers(
        ctx,
        files,
        platform = platform_text(platform),
        layers = (base.layers if base else []) + layers,
        layouts = base.layouts if base else depset(),
        layouts_runfiles = base.layouts_runfiles if base else depset(),
        remote_blobs = base.remote_blobs if base else depset(),
    )

oci_image = rule(
    implementation = _oci_image_impl,
    attrs = {
        "annotations": attr.string_dict(
            doc = "Annotations of the manifest. Those of a base are about the base and are not inherited.",
        ),
        "annotations_file": attr.label(
            doc = "A file in place of `annotations`: `KEY=VALUE` a line, or a JSON object.",
            allow_single_file = True,
        ),
        "author": attr.string(
            doc = "Who answers for the image.",
        ),
        "base": attr.label(
            doc = "The image that this one continues: `oci_image`, `oci_import`, or an `oci_index` with an image for the same platform; " +
                  "or an image of rules_oci, rules_img or rules_apko, as it is, of which the documents are read (`oci_import` checks every byte of it). " +
                  "Its configuration is inherited as `docker build` does: environment and labels are merged by name, ports and volumes are united, " +
                  "a new `entrypoint` drops the base's `cmd`, anything else that is given replaces the base's.",
            # Whatever is no image gets our own message.
            allow_files = True,
        ),
        "cmd": attr.string_list(
            doc = "The default arguments of the entrypoint.",
        ),
        "cmd_file": attr.label(
            doc = "A file in place of `cmd`: a JSON list, or an argument a line. An empty list removes the base's.",
            allow_single_file = True,
        ),
        "created": attr.string(
            doc = "The time in the image's configuration: RFC 3339, or seconds since 1970. By default 1970-01-01T00:00:00Z.",
        ),
        "created_file": attr.label(
            doc = "A file in place of `created`.",
            allow_single_file = True,
        ),
        "entrypoint": attr.string_list(
            doc = "The program and its first arguments, such as `[\"/usr/bin/server\", \"--port=80\"]`.",
        ),
        "entrypoint_file": attr.label(
            doc = "A file in place of `entrypoint`: a JSON list, or an argument a line. An empty list removes the base's.",
            allow_single_file = True,
        ),
        "env": attr.string_dict(
            doc = "Environment variables.",
        ),
        "env_file": attr.label(
            doc = "A file in place of `env`: `NAME=VALUE` a line, or a JSON object.",
            allow_single_file = True,
        ),
        "exposed_ports": attr.string_list(
            doc = "Ports that the program listens on, such as `8080`, `8080/tcp`, `53/udp` or `8000-8010/tcp`.",
        ),
        "labels": attr.string_dict(
            doc = "Labels in the image's configuration.",
        ),
        "labels_file": attr.label(
            doc = "A file in place of `labels`: `KEY=VALUE` a line, or a JSON object.",
            allow_single_file = True,
        ),
        "layers": attr.label_list(
            doc = "The layers on top of the base, lowest first: `oci_layer`, `binary_layer`, `binary_layers`, `tar_layer`, `layer_plan`.",
            # Whatever is no layer gets our own message.
            allow_files = True,
        ),
        "platform": attr.label(
            doc = "The Bazel platform that the image and all that is in it is built for; by default that of the build. It cannot be a `select`.",
            providers = [platform_common.PlatformInfo],
        ),
        "stop_signal": attr.string(
            doc = "The signal that asks the program to end: a name such as `SIGINT`, or a number.",
        ),
        "user": attr.string(
            doc = "The user that the program runs as: a name or number, with a group after a colon where wanted, such as `65532:65532`.",
        ),
        "volumes": attr.string_list(
            doc = "Mount points: absolute paths such as `/data`.",
        ),
        "workdir": attr.string(
            doc = "The working directory. A relative path continues that of the base.",
        ),
    } | PLATFORM_ATTRS | LAYOUT_ATTRS | MEDIA_TYPE_ATTRS,
    cfg = release_transition,
    doc = """An image for one platform.

The image and everything in it is built with `-c opt`, without stamps and for `platform`, so that the flags of a build do not change its digest.
One action that reads a few small JSON files makes manifest and config; layers are not read for it.

```starlark
oci_image(
    name = "image",
    base = "@distroless//:image",
    entrypoint = ["/usr/bin/server"],
    layers = [":layer"],
    platform = "//platforms:linux_amd64",
    user = "65532:65532",
)
```

Outputs: an OCI layout, the directory `<name>` with exactly one descriptor in `index.json`, whose layers are links into Bazel's output
(`--@rules_verbatim//rules/settings:layout_links=copy` makes copies); with `--@rules_verbatim//rules/settings:default_output=documents` its documents alone, for
which no layer is read or moved (docs/guide/remote-execution.md). Output groups: `digest`, `descriptor`, `manifest`, `config`, `metadata`,
`layout`, and `tarball`, which `docker load`, `podman load` and `skopeo` read.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
