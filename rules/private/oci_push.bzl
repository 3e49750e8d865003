"""`oci_push`: the images of sums, into their registries."""

load("//rules/private/providers:published_images_info.bzl", "PublishedImagesInfo")
load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":checks.bzl", "fail_at", "show")
load(":container_sums.bzl", "container_sums")
load(":push_from.bzl", "PUSH_FROM_ATTRS", "from_cache")
load(":references.bzl", "record_inputs", "reference_inputs")
load(":requests.bzl", "image_push_request", "runfiles_path")
load(":run.bzl", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _blobs(images, cached):
    """Where the layers of images are: those that are at hand, those that a registry has, and those that the build leaves in its cache.

    Of what is left in the cache there are no files here. What the build does not make, such as a base in the sources, is at hand either way.
    """
    layers = {}
    layouts = {}
    mounts = {}
    for image in images:
        for layer in image.layers:
            layers[layer.blob] = layer
        remote = {blob.file: blob for blob in image.remote_blobs.to_list()}
        for file in image.layouts.to_list():
            if file not in remote and (file.is_source or not cached):
                layouts[file] = None
        for blob in remote.values():
            mounts[blob.digest] = blob.repository
    layers = layers.values()
    at_hand = [layer for layer in layers if layer.blob.is_source or not cached]
    runfiles = [image.layouts_runfiles for image in images]
    if cached:
        runfiles = [depset([file for files in runfiles for file in files.to_list() if file.is_source])]
    return struct(
        cached = [layer for layer in layers if cached and not layer.blob.is_source],
        files = depset(
            [layer.blob for layer in at_hand] + [layer.metadata for layer in layers] + layouts.keys(),
            transitive = runfiles,
        ),
        layers = at_hand,
        layouts = layouts.keys(),
        mounts = mounts,
    )

def _images(published):
    if published.image:
        return [published.image]
    return published.index.images if published.index else []

def _apart(label, files):
    """Files that would lie in one place among the runfiles: one target, built for several platforms, has several files of one path.

    Args:
        label: the label of the target that is run.
        files: list of Files.

    Returns:
        A dict from each such File to a place of its own.
    """
    by_path = {}
    for file in files:
        by_path.setdefault(file.short_path, {})[file] = None
    folder = "/".join([part for part in [label.package, label.name + ".files"] if part])
    return {
        file: folder + "/" + file.path
        for same in by_path.values()
        if len(same) > 1
        for file in same
    }

def _push_inputs(published, blobs, cached):
    """All that `verbatim push` reads for an image."""
    if _images(published):
        return depset(transitive = [record_inputs(published), blobs.files])
    if cached and published.documents:
        return record_inputs(published)
    files = [published.layout, published.file, published.digest, published.descriptor]
    return depset([file for file in files if file], transitive = [reference_inputs(published), published.runfiles])

def _push_impl(ctx):
    label = ctx.label
    images = ctx.attr.sums[PublishedImagesInfo].images
    if not images:
        fail_at(label, "sums", "{} names no image; name a `container_sums` with `images`.".format(show(ctx.attr.sums.label)))
    arguments = ["push"]
    files = []
    flags = {}
    status = {}
    named = []
    cached = from_cache(ctx)
    for published in images:
        blobs = _blobs(_images(published), cached)
        named.extend(record_inputs(published).to_list() + blobs.layouts)
        named.extend([layer.blob for layer in blobs.layers] + [layer.metadata for layer in blobs.layers + blobs.cached])
    apart = _apart(label, named)

    def place(file):
        return apart.get(file) or runfiles_path(file)

    for published in images:
        if not (_images(published) or published.layout or published.file or (cached and published.documents)):
            fail_at(label, "images", "{} has no OCI layout to push from (an output group `oci_layout` with one directory); push it with the rules that made it.".format(published.origin))
        blobs = _blobs(_images(published), cached)
        arguments.append("--request=" + json.encode(image_push_request(
            published,
            place,
            cached = blobs.cached,
            documents = published.documents if cached else None,
            layers = blobs.layers,
            layouts = blobs.layouts,
            mounts = blobs.mounts,
        )))
        files.append(_push_inputs(published, blobs, cached))
        for file in published.status:
            status[file] = None
        for key, value in published.flags.items():
            if flags.setdefault(key, value) != value:
                fail_at(label, "sums", "the key {} stands for {} and for {}; push these sums one by one.".format(repr(key), repr(flags[key]), repr(value)))
    arguments.extend(["--status=" + runfiles_path(file) for file in status])
    arguments.extend(["--define=%s=%s" % (key, value) for key, value in flags.items()])
    sums = ctx.attr.sums[SumsInfo]
    arguments.append("--sums=" + runfiles_path(sums.text))
    statements = ctx.files.statements
    arguments.extend(["--attest=" + runfiles_path(file) for file in statements])
    return [run_program(
        ctx,
        arguments,
        files = [sums.text, sums.json] + statements,
        symlinks = {path: file for file, path in apart.items()},
        # What has a place of its own is not in the shared one as well, where only one of several could be.
        transitive_files = files if not apart else [depset([file for file in depset(transitive = files).to_list() if file not in apart])],
    )]

push_program = rule(
    implementation = _push_impl,
    attrs = PUSH_FROM_ATTRS | {
        "statements": attr.label_list(
            doc = "Statements about the images.",
            allow_files = [".json"],
        ),
        "sums": attr.label(
            doc = "The sums.",
            mandatory = True,
            providers = [[SumsInfo, PublishedImagesInfo]],
        ),
    },
    doc = "`verbatim push` with the images of sums.",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def oci_push(name, sums = None, statements = [], args = [], tags = [], **kwargs):
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

    With `--@rules_verbatim//rules/settings:push_from=cache` no layer that the build makes is among what is run: together with
    `--remote_download_outputs=minimal` (or `toplevel`) `bazel run` downloads none. The program takes from the build's cache what the registry lacks:
    `bazel run … :<name> -- --cache=grpc://HOST:PORT`, or `--cache=DIR` with the folder of `--disk_cache`; `args` can hold it too. Images of rules_img are pushed
    so as well; those of rules_oci are one directory with all layers, and come as files.

    With `statements` what is pushed is attested too: `bazel run :<name> -- --key=$PWD/release.key` signs each statement and attaches it to every image that
    it is about, as `verbatim attest attach` does, once all is served as it was built. The key is no part of the build. A statement of another build can be
    named there as well: `--attest=FILE`.

    Args:
        name: the name of the target.
        sums: a target of `container_sums`: its images are pushed under its references.
        statements: statements about the images, such as a target of `provenance`: they are signed with the key that is given when the target is run, and
            attached.
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
    push_program(
        name = name,
        args = program_args(name) + args,
        statements = statements,
        sums = sums,
        tags = tags,
        **common
    )
