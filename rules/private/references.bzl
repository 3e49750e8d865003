"""Images and the references they are published under: the same for what sums and what pushes."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load(":checks.bzl", "check_exclusive", "check_line", "check_one_of", "fail_at", "show")
load(":stamp.bzl", "STAMP_ATTRS", "status_files")

REFERENCE_ATTRS = {
    "flags": attr.label_keyed_string_dict(
        doc = "Build settings that references may name: from a `string_flag` to a key, `{\"//:version\": \"VERSION\"}` for `tag = \"{VERSION}\"`.",
        # Whatever is no flag gets our own message.
        allow_files = True,
    ),
    "images": attr.label_keyed_string_dict(
        doc = "The images: from a target to the `name` or `name:tag` that it is published as; several are separated by spaces. " +
              "A target is an `oci_image`, `oci_index` or `oci_import`; an image of another ruleset, with the output groups `digest` and `descriptor` " +
              "or with an OCI layout as its only output; or a file: a layout's archive, a manifest, an index.",
        allow_files = True,
    ),
    "kinds": attr.string_dict(
        doc = "For layouts that can be understood in two ways: from a name in `images` (without its tag) to `image` or `index`.",
    ),
    "prefix": attr.string(
        doc = "What stands between registry and name, such as `team/project`. May hold `{KEY}`.",
    ),
    "prefix_file": attr.label(
        doc = "A file in place of `prefix`.",
        allow_single_file = True,
    ),
    "registry": attr.string(
        doc = "The registry's host, with a port where it has one. May hold `{KEY}`, filled from `flags` and, where the target is stamped, from the workspace status.",
    ),
    "registry_file": attr.label(
        doc = "A file in place of `registry`.",
        allow_single_file = True,
    ),
    "tag": attr.string(
        doc = "The tag of all images that name none. May hold `{KEY}`.",
    ),
    "tag_file": attr.label(
        doc = "A file in place of `tag`.",
        allow_single_file = True,
    ),
} | STAMP_ATTRS

def _source(ctx, target):
    """What there is to know about the digest of a target, and from which files."""
    if OciImageInfo in target:
        image = target[OciImageInfo]
        return struct(kind = "image", image = image, index = None, files = {}, inputs = [image.manifest, image.config, image.metadata])
    if OciIndexInfo in target:
        index = target[OciIndexInfo]
        inputs = [index.index]
        for image in index.images:
            inputs.extend([image.manifest, image.config, image.metadata])
        return struct(kind = "index", image = None, index = index, files = {}, inputs = inputs)

    groups = target[OutputGroupInfo] if OutputGroupInfo in target else struct()
    if hasattr(groups, "digest") and hasattr(groups, "descriptor"):
        digests = groups.digest.to_list()
        descriptors = groups.descriptor.to_list()
        if len(digests) != 1 or len(descriptors) != 1:
            fail_at(ctx.label, "images", "the output groups `digest` and `descriptor` of {} hold {} and {} files, not one each; name a target of one image.".format(
                show(target.label),
                len(digests),
                len(descriptors),
            ))
        return struct(
            kind = "output_groups",
            image = None,
            index = None,
            files = {"descriptor": descriptors[0], "digest": digests[0]},
            inputs = [digests[0], descriptors[0]],
        )

    files = target[DefaultInfo].files.to_list()
    if len(files) != 1:
        fail_at(ctx.label, "images", "{} has {} files and is no image; name an image, an OCI layout, an archive of one, or a manifest.".format(
            show(target.label),
            len(files),
        ))
    if files[0].is_directory:
        # The manifests in such a layout may be links into the target's runfiles.
        inputs = files
        if target[DefaultInfo].default_runfiles:
            inputs = files + target[DefaultInfo].default_runfiles.files.to_list()
        return struct(kind = "layout", image = None, index = None, files = {"layout": files[0]}, inputs = inputs)
    return struct(kind = "file", image = None, index = None, files = {"file": files[0]}, inputs = files)

def published_images(ctx):
    """Say what is published under which references.

    Args:
        ctx: the context of a rule with `REFERENCE_ATTRS`.

    Returns:
        A struct of `records` (list of structs: `fields`, a dict that becomes JSON, with the parts of the reference that are known;
        `reference_files`, from a part to the File that holds it; `kind`, `image`, `index`, `target` and `files` say what the image is and where its
        digest comes from), `inputs` (list of Files, all that the records name), `status` (list of Files) and `defines` (dict), which fill `{KEY}`.
    """
    label = ctx.label
    reference = {}
    reference_files = {}
    for part in ["registry", "prefix", "tag"]:
        value = check_line(label, part, getattr(ctx.attr, part))
        file = getattr(ctx.file, part + "_file")
        check_exclusive(label, {part: bool(value), part + "_file": file != None})
        if file:
            reference_files[part] = file
        elif value:
            reference[part] = value
    if ctx.attr.images and "registry" not in reference and "registry" not in reference_files:
        fail_at(label, "registry", "is missing; write a host such as \"registry.example.com\", or give `registry_file`.")

    defines = {}
    for flag, key in ctx.attr.flags.items():
        if not key or [c for c in key.elems() if not (c.isalnum() or c == "_")]:
            fail_at(label, "flags", "{} is not a key; write letters, digits and \"_\", such as \"VERSION\", and use it as \"{{VERSION}}\".".format(repr(key)))
        if BuildSettingInfo not in flag:
            fail_at(label, "flags", "{} is not a build setting; name a `string_flag` of bazel_skylib.".format(show(flag.label)))
        if key in defines:
            fail_at(label, "flags", "two flags fill the key {}; give one of them another key.".format(repr(key)))
        defines[key] = check_line(label, "flags", str(flag[BuildSettingInfo].value))

    records = []
    inputs = list(reference_files.values())
    names = {}
    for target, published in ctx.attr.images.items():
        source = _source(ctx, target)
        references = published.split(" ")
        references = [text for text in references if text]
        if not references:
            fail_at(label, "images", "{} has no name; write what it is published as, such as \"app\" or \"app:v1\".".format(show(target.label)))
        inputs.extend(source.inputs)
        for text in references:
            check_line(label, "images", text)
            fields = {"kind": source.kind, "origin": show(target.label)}
            own = dict(reference)
            own_files = dict(reference_files)
            name, colon, tag = text.partition(":")
            if not name or (colon and not tag) or ":" in tag or "@" in text or name.startswith("/") or name.endswith("/"):
                fail_at(label, "images", "{} is not a name; write \"name\" or \"name:tag\", the registry stands in `registry`.".format(repr(text)))
            own["name"] = name
            if tag:
                own["tag"] = tag
                own_files.pop("tag", None)
            fields["reference"] = own
            names[name] = None
            if name in ctx.attr.kinds:
                if source.kind not in ["layout", "file"]:
                    fail_at(label, "kinds", "{} is not a layout that can be understood in two ways, so that there is nothing to settle; remove it.".format(show(target.label)))
                fields["layout_kind"] = check_one_of(label, "kinds", ctx.attr.kinds[name], ["image", "index"])
            records.append(struct(
                fields = fields,
                files = source.files,
                image = source.image,
                index = source.index,
                kind = source.kind,
                reference_files = own_files,
                target = target,
            ))
    for name in ctx.attr.kinds:
        if name not in names:
            fail_at(label, "kinds", "{} is not the name of one of the `images`; write one of {}.".format(repr(name), ", ".join([repr(n) for n in names])))

    return struct(
        defines = defines,
        inputs = inputs,
        records = records,
        status = status_files(ctx),
    )

def add_values(args, published):
    """Add what fills `{KEY}` in references to the arguments.

    Args:
        args: an Args object.
        published: a struct of `published_images`.
    """
    args.add_all(published.status, format_each = "--status=%s")
    for key, value in published.defines.items():
        args.add("--define=%s=%s" % (key, value))
