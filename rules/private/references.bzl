"""Images and the references they are published under: the same for what sums and what pushes."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//rules/private/providers:oci_image_info.bzl", "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", "OciIndexInfo")
load("//rules/private/providers:published_images_info.bzl", "PublishedImageInfo")
load(":checks.bzl", "check_exclusive", "check_line", "check_one_of", "fail_at", "show")
load(":foreign.bzl", "foreign_image")
load(":stamp.bzl", "STAMP_ATTRS", "keys_problem", "status_files")

REFERENCE_ATTRS = {
    "flags": attr.label_keyed_string_dict(
        doc = "Build settings that references may name: from a `string_flag` to a key, `{\"//:version\": \"VERSION\"}` for `tag = \"{VERSION}\"`.",
        # Whatever is no flag gets our own message.
        allow_files = True,
    ),
    "images": attr.label_keyed_string_dict(
        doc = "The images: from a target to the `name` or `name:tag` that it is published as; several are separated by spaces. " +
              "A target is an `oci_image`, `oci_index` or `oci_import`; an image of rules_oci, rules_img or rules_apko, or of others that hand on " +
              "the output groups `digest` and `descriptor`, or an OCI layout as their only output; or a file: a layout's archive, a manifest, an index.",
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
        doc = "The registry's host, with a port where it has one. May hold `{KEY}`, filled from `flags` and, where the target is stamped, from the stable keys of the workspace status.",
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
    """By what a target gives its image."""
    if OciImageInfo in target:
        return struct(image = target[OciImageInfo], index = None, foreign = None)
    if OciIndexInfo in target:
        return struct(image = None, index = target[OciIndexInfo], foreign = None)
    return struct(image = None, index = None, foreign = foreign_image(ctx.label, "images", target))

def _whole(target, foreign):
    """All of an image, whatever its default output is."""
    if OciImageInfo in target or OciIndexInfo in target:
        return target[OutputGroupInfo].layout
    if foreign and foreign.layout:
        return depset([foreign.layout])
    return target[DefaultInfo].files

def _image_documents(images):
    return [file for image in images for file in [image.manifest, image.config, image.metadata]]

def reference_inputs(published):
    """The Files that stand for parts of a reference, and the workspace status.

    Args:
        published: a PublishedImageInfo.

    Returns:
        A depset of Files.
    """
    reference = published.reference
    return depset([part for part in [reference.registry, reference.prefix, reference.tag] if type(part) == "File"] + published.status)

def record_inputs(published):
    """The Files that the record of an image names, and the workspace status.

    Args:
        published: a PublishedImageInfo.

    Returns:
        A depset of Files. The bytes of layers are not among them.
    """
    parts = [reference_inputs(published)]
    if published.image:
        return depset(_image_documents([published.image]), transitive = parts)
    if published.index:
        return depset([published.index.index] + _image_documents(published.index.images), transitive = parts)
    if published.digest:
        # The documents say it all: no bytes of layers for a sum.
        documents = [published.documents] if published.documents else []
        return depset([published.digest, published.descriptor] + documents, transitive = parts)
    if published.layout:
        return depset([published.layout], transitive = parts + [published.runfiles])
    return depset([published.file], transitive = parts)

def _flags(ctx):
    """The values of the attribute `flags`."""
    label = ctx.label
    values = {}
    for flag, key in ctx.attr.flags.items():
        if not key or [c for c in key.elems() if not (c.isalnum() or c == "_")]:
            fail_at(label, "flags", "{} is not a key; write letters, digits and \"_\", such as \"VERSION\", and use it as \"{{VERSION}}\".".format(repr(key)))
        if BuildSettingInfo not in flag:
            fail_at(label, "flags", "{} is not a build setting; name a `string_flag` of bazel_skylib.".format(show(flag.label)))
        if key in values:
            fail_at(label, "flags", "two flags fill the key {}; give one of them another key.".format(repr(key)))
        values[key] = check_line(label, "flags", str(flag[BuildSettingInfo].value))
    return values

def _name_and_tag(label, text):
    """Take apart what an image is published as."""
    check_line(label, "images", text)
    name, colon, tag = text.partition(":")
    if not name or (colon and not tag) or ":" in tag or "@" in text or name.startswith("/") or name.endswith("/"):
        fail_at(label, "images", "{} is not a name; write \"name\" or \"name:tag\", the registry stands in `registry`.".format(repr(text)))
    return name, tag

def published_images(ctx):
    """Say what is published under which references.

    Args:
        ctx: the context of a rule with `REFERENCE_ATTRS`.

    Returns:
        A list of PublishedImageInfo.
    """
    label = ctx.label
    flags = _flags(ctx)

    def check_keys(attribute, text):
        problem = keys_problem(text, flags)
        if problem:
            fail_at(label, attribute, problem)

    common = {}
    for part in ["registry", "prefix", "tag"]:
        value = check_line(label, part, getattr(ctx.attr, part))
        file = getattr(ctx.file, part + "_file")
        check_exclusive(label, {part: bool(value), part + "_file": file != None})
        check_keys(part, value)
        common[part] = file or value or None
    if ctx.attr.images and not common["registry"]:
        fail_at(label, "registry", "is missing; write a host such as \"registry.example.com\", or give `registry_file`.")

    status = status_files(ctx)
    published = []
    names = {}
    for target, texts in ctx.attr.images.items():
        source = _source(ctx, target)
        foreign = source.foreign
        texts = [text for text in texts.split(" ") if text]
        if not texts:
            fail_at(label, "images", "{} has no name; write what it is published as, such as \"app\" or \"app:v1\".".format(show(target.label)))
        for text in texts:
            check_keys("images", text)
            name, tag = _name_and_tag(label, text)
            names[name] = None
            kind = ctx.attr.kinds.get(name)
            if kind != None:
                if not foreign or foreign.digest:
                    fail_at(label, "kinds", "{} is not a layout that can be understood in two ways, so that there is nothing to settle; remove it.".format(show(target.label)))
                check_one_of(label, "kinds", kind, ["image", "index"])
            published.append(PublishedImageInfo(
                descriptor = foreign.descriptor if foreign else None,
                digest = foreign.digest if foreign else None,
                documents = foreign.documents if foreign else None,
                file = foreign.file if foreign else None,
                flags = flags,
                image = source.image,
                index = source.index,
                layout = foreign.layout if foreign else None,
                layout_kind = kind,
                origin = show(target.label),
                reference = struct(
                    name = name,
                    prefix = common["prefix"],
                    registry = common["registry"],
                    tag = tag or common["tag"],
                ),
                runfiles = foreign.runfiles if foreign else depset(),
                status = status,
                whole = _whole(target, foreign),
            ))
    for name in ctx.attr.kinds:
        if name not in names:
            fail_at(label, "kinds", "{} is not the name of one of the `images`; write one of {}.".format(repr(name), ", ".join([repr(n) for n in names])))
    return published
