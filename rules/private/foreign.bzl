"""How other rulesets hand on an image. Nothing of theirs is loaded: targets are known by what they put out.

rules_oci (`oci_image`, `oci_image_index`) and rules_apko: one directory, an OCI layout, and nothing beside it. Layers in it may be links that lead out of it,
to files that are among the runfiles. Of rules_apko's, `index.json` is the index that is published, with a descriptor for each platform.

rules_img (`image_manifest`, `image_index`): the default outputs are documents; the output groups say the rest: `digest`, `descriptor`, `oci_layout` (whole, and
made only where somebody asks for it) and `sparse_oci_layout` (the documents alone, for whoever has no use for the bytes of layers).
"""

load(":checks.bzl", "fail_at", "show")

visibility(["//rules/..."])

def _group(groups, name):
    """The one File of an output group, or None."""
    files = getattr(groups, name).to_list() if hasattr(groups, name) else []
    return files[0] if len(files) == 1 else None

def foreign_image(label, attribute, target):
    """Say what a target of other rules has of an image.

    Args:
        label: the Label of the target that asks, for messages.
        attribute: its attribute, for messages.
        target: the Target.

    Returns:
        A struct of Files, None where there is none of the kind: `digest` and `descriptor` (both or none), `documents` (a layout without layers), `layout` (a
        directory that holds all) and `file` (an archive of a layout, a manifest or an index); and `runfiles`, a depset of what links in the layout point to.
    """
    runfiles = target[DefaultInfo].default_runfiles
    runfiles = runfiles.files if runfiles else depset()
    files = target[DefaultInfo].files.to_list()
    directory = files[0] if len(files) == 1 and files[0].is_directory else None
    groups = target[OutputGroupInfo] if OutputGroupInfo in target else struct()
    if hasattr(groups, "digest") and hasattr(groups, "descriptor"):
        digest = _group(groups, "digest")
        descriptor = _group(groups, "descriptor")
        if not digest or not descriptor:
            fail_at(label, attribute, "the output groups `digest` and `descriptor` of {} hold {} and {} files, not one each; name a target of one image.".format(
                show(target.label),
                len(groups.digest.to_list()),
                len(groups.descriptor.to_list()),
            ))
        return struct(
            descriptor = descriptor,
            digest = digest,
            documents = _group(groups, "sparse_oci_layout"),
            file = None,
            layout = _group(groups, "oci_layout") or directory,
            runfiles = runfiles,
        )

    # What rules_img made of somebody's layout has no descriptor, and its layout may be of another index: its document counts.
    if len(files) != 1:
        fail_at(label, attribute, "{} has {} files and is no image; name an image, an OCI layout, an archive of one, or a manifest.".format(
            show(target.label),
            len(files),
        ))
    return struct(
        descriptor = None,
        digest = None,
        documents = None,
        file = None if directory else files[0],
        layout = directory,
        runfiles = runfiles,
    )
