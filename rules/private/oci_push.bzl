"""`oci_push`: the images of sums, into their registries."""

load("//rules/private/providers:published_images_info.bzl", "PublishedImagesInfo")
load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":checks.bzl", "fail_at", "show")
load(":container_sums.bzl", "container_sums")
load(":run.bzl", "verbatim_run")

def _documents(image):
    return {"config": image.config.short_path, "manifest": image.manifest.short_path}

def _blobs(images):
    """Where the layers of images are: those that are at hand, and those that a registry has."""
    layers = {}
    layouts = {}
    runfiles = []
    mounts = {}
    for image in images:
        for layer in image.layers:
            layers[layer.blob] = layer
        remote = {blob.file: blob for blob in image.remote_blobs.to_list()}
        for file in image.layouts.to_list():
            if file not in remote:
                layouts[file] = None
        for blob in remote.values():
            mounts[blob.digest] = blob.repository
        runfiles.append(image.layouts_runfiles)
    layers = layers.values()
    return struct(
        fields = {
            "layers": [{"blob": layer.blob.short_path, "metadata": layer.metadata.short_path} for layer in layers],
            "layouts": [file.short_path for file in layouts],
            "mount": [{"digest": digest, "repositories": [repository]} for digest, repository in mounts.items()],
        },
        files = depset(
            [layer.blob for layer in layers] + [layer.metadata for layer in layers] + layouts.keys(),
            transitive = runfiles,
        ),
    )

def _request(label, record):
    """One image as `verbatim push --request` wants it, and the files that it names."""
    fields = dict(record.fields)
    reference = dict(fields["reference"])
    for part, file in record.reference_files.items():
        reference[part] = {"file": file.short_path}
    fields["reference"] = reference
    files = list(record.reference_files.values())
    if record.kind in ["image", "index"]:
        images = [record.image] if record.kind == "image" else record.index.images
        for image in images:
            files.extend([image.manifest, image.config])
        if record.kind == "image":
            fields.update(_documents(record.image))
        else:
            fields["index"] = record.index.index.short_path
            fields["images"] = [_documents(image) for image in images]
            files.append(record.index.index)
        blobs = _blobs(images)
        fields.update(blobs.fields)
        return struct(fields = fields, files = depset(files, transitive = [blobs.files]))

    # Of another ruleset: all its blobs are in its layout.
    if record.kind == "output_groups":
        groups = record.target[OutputGroupInfo]
        layouts = groups.oci_layout.to_list() if hasattr(groups, "oci_layout") else []
        if len(layouts) != 1:
            fail_at(label, "images", "{} has no OCI layout to push from (an output group `oci_layout` with one directory); push it with the rules that made it.".format(show(record.target.label)))
        layout = layouts[0]
    else:
        layout = record.files["layout" if record.kind == "layout" else "file"]
    fields["kind"] = "layout"
    fields["layout"] = layout.short_path
    return struct(
        fields = fields,
        files = depset(files + [layout], transitive = [record.target[DefaultInfo].default_runfiles.files] if record.target[DefaultInfo].default_runfiles else []),
    )

def _push_arguments_impl(ctx):
    label = ctx.label
    lines = []
    files = []
    direct = []
    defines = {}
    for group in ctx.attr.sums[PublishedImagesInfo].groups:
        for record in group.records:
            request = _request(label, record)
            lines.append("--request=" + json.encode(request.fields))
            files.append(request.files)
        for file in group.status:
            if file not in direct:
                direct.append(file)
                lines.append("--status=" + file.short_path)
        for key, value in group.defines.items():
            if defines.setdefault(key, value) != value:
                fail_at(label, "sums", "the key {} stands for {} and for {}; push these sums one by one.".format(repr(key), repr(defines[key]), repr(value)))
    if not lines:
        fail_at(label, "sums", "{} names no image; name a `container_sums` with `images`.".format(show(ctx.attr.sums.label)))
    lines.extend(["--define=%s=%s" % (key, value) for key, value in defines.items()])
    sums = ctx.attr.sums[SumsInfo]
    lines.append("--sums=" + sums.text.short_path)

    # Short paths are those below the folder that `bazel run` starts the program in.
    arguments = ctx.actions.declare_file(label.name)
    ctx.actions.write(arguments, "\n".join(["push"] + lines) + "\n")
    return [DefaultInfo(
        files = depset([arguments]),
        runfiles = ctx.runfiles([arguments, sums.text, sums.json] + direct, transitive_files = depset(transitive = files)),
    )]

push_arguments = rule(
    implementation = _push_arguments_impl,
    attrs = {
        "sums": attr.label(
            doc = "The sums.",
            mandatory = True,
            providers = [[SumsInfo, PublishedImagesInfo]],
        ),
    },
    doc = "What `verbatim push` is told, and the files that it then reads.",
)

def oci_push(name, sums = None, args = [], tags = [], **kwargs):
    """Push images to the references that their sums name: `bazel run :<name>`.

    All images go up in one run: blobs first, several at a time, what a registry has already is skipped, what another of its repositories has is
    mounted; then manifests, then tags. In the end what is served is read back. If anything has another digest than in the sums, nothing is sent.
    Layers of a base that `images.pull` declared are mounted or streamed from where the base came from, and are not part of the build.

    What follows `--` goes to `verbatim push`: `bazel run :<name> -- --dry-run` says what would be sent.

    ```starlark
    oci_push(
        name = "push",
        sums = ":container_sums",
    )
    ```

    Args:
        name: the name of the target.
        sums: a target of `container_sums`: its images are pushed under its references.
        args: further arguments of `verbatim push`, such as `--plain-http=HOST`.
        tags: tags of the target.
        **kwargs: without `sums`, the attributes of `container_sums` that say what is pushed where (`images`, `registry`, `prefix`, `tag`, …); the sums are
            then `:<name>.sums`. Besides, attributes that all rules have, such as `visibility` and `testonly`.
    """
    common = {key: kwargs.pop(key) for key in ["compatible_with", "target_compatible_with", "testonly", "visibility"] if key in kwargs}
    if sums:
        if kwargs:
            fail_at(native.package_relative_label(":" + name), sorted(kwargs)[0], "cannot be used together with `sums`, which says what is pushed where.")
    else:
        sums = ":%s.sums" % name
        container_sums(
            name = name + ".sums",
            tags = tags,
            **(common | kwargs)
        )
    push_arguments(
        name = name + ".arguments",
        sums = sums,
        tags = tags + ["manual"],
        testonly = common.get("testonly", False),
        visibility = ["//visibility:private"],
    )
    verbatim_run(
        name = name,
        args = ["@$(rootpath :%s.arguments)" % name] + args,
        data = [":%s.arguments" % name],
        tags = tags,
        **common
    )
