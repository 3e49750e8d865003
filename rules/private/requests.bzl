"""What the rules say to the program: every form of JSON that it reads is written here, and nowhere else.

On the other side stands the crate `requests` (tools/crates/requests). Its `tests/requests.jsonl` holds one request of each form,
and the tests of both sides stand on that file. Requests are dicts; `json.encode` makes the line of a param file of them.

A `place` is a function that says how a File is named: `exec_path` for actions, `runfiles_path` for what `bazel run` starts.
"""

load(":checks.bzl", "show")

visibility(["//rules/..."])

def exec_path(file):
    """How an action names a File.

    Args:
        file: a File.

    Returns:
        A path.
    """
    return file.path

def runfiles_path(file):
    """How a program that `bazel run` or `bazel test` starts names a File among its runfiles.

    Args:
        file: a File.

    Returns:
        A path, relative to the folder in which the program is started.
    """
    return file.short_path

def _given(members):
    return {key: value for key, value in members.items() if value != None and value != ""}

def file_entry_request(path, *, origin, mode = None, source = None, keep_relative_links = False):
    """A file of a layer.

    Args:
        path: the path in the image.
        origin: whom to name in messages.
        mode: octal digits; without it files get the layer's default.
        source: where the file is; what is said of a directory's files has none yet.
        keep_relative_links: whether a source that is itself a relative symlink stays one.

    Returns:
        A dict.
    """
    return _given({
        "mode": mode,
        "origin": origin,
        "path": path,
        "relative_links": "keep" if keep_relative_links else None,
        "source": source,
    }) | {"path": path, "type": "file"}

def symlink_entry_request(path, target, *, origin):
    """A symbolic link of a layer.

    Args:
        path: the path in the image.
        target: what the link holds.
        origin: whom to name in messages.

    Returns:
        A dict.
    """
    return {"origin": origin, "path": path, "target": target, "type": "symlink"}

def directory_entry_request(path, *, origin):
    """A directory of a layer.

    Args:
        path: the path in the image.
        origin: whom to name in messages.

    Returns:
        A dict.
    """
    return {"origin": origin, "path": path, "type": "directory"}

def archive_entry_request(file, *, component, origin):
    """All that an archive holds.

    Args:
        file: the archive.
        component: what its files are a part of, as long as nothing in them says it better.
        origin: whom to name in messages.

    Returns:
        A dict.
    """
    return {"component": component, "origin": origin, "path": "", "source": exec_path(file), "type": "archive"}

# The members of the settings of an image, by the names of their attributes.
IMAGE_SETTINGS = {
    "annotations": "annotations",
    "author": "author",
    "cmd": "cmd",
    "created": "created",
    "entrypoint": "entrypoint",
    "env": "env",
    "exposed_ports": "exposed_ports",
    "labels": "labels",
    "stop_signal": "stop_signal",
    "user": "user",
    "volumes": "volumes",
    "workdir": "working_dir",
}

def image_spec_request(attributes, platform):
    """What an image is to be.

    Args:
        attributes: a struct with the attributes of `IMAGE_SETTINGS`; empty ones count as not given.
        platform: a struct with `os`, `architecture` and `variant`.

    Returns:
        A dict.
    """
    spec = _given({"architecture": platform.architecture, "os": platform.os, "variant": platform.variant})
    for attribute, member in IMAGE_SETTINGS.items():
        value = getattr(attributes, attribute)
        if value:
            spec[member] = value
    return spec

def layer_request(layer, place):
    """The files of a layer.

    Args:
        layer: an OciLayerInfo.
        place: how Files are named.

    Returns:
        A dict.
    """
    return {"blob": place(layer.blob), "metadata": place(layer.metadata)}

def _cached_layer_request(layer, place):
    """A layer of which there is no more than what is known of it, and the target that makes it."""
    return {"metadata": place(layer.metadata), "origin": show(layer.metadata.owner)}

def documents_request(image, place):
    """The documents of an image for one platform.

    Args:
        image: an OciImageInfo.
        place: how Files are named.

    Returns:
        A dict.
    """
    return {"config": place(image.config), "manifest": place(image.manifest), "metadata": place(image.metadata)}

def file_record_request(file, *, name, origin, place):
    """A file under its published name.

    Args:
        file: a File.
        name: the name.
        origin: whom to name in messages.
        place: how Files are named.

    Returns:
        A dict.
    """
    return {"file": place(file), "name": name, "origin": origin}

def _reference_request(reference, place):
    return {
        part: {"file": place(value)} if type(value) == "File" else value
        for part, value in _given({
            "name": reference.name,
            "prefix": reference.prefix,
            "registry": reference.registry,
            "tag": reference.tag,
        }).items()
    }

def _output_groups_request(published, place, layout):
    """What is said of an image by output groups, with a layout that holds as much as is needed."""
    return _given({
        "descriptor": place(published.descriptor),
        "digest": place(published.digest),
        "kind": "output_groups",
        "layout": place(layout) if layout else None,
    })

def image_record_request(published, place):
    """An image under the name it is published, for its sum.

    Args:
        published: a PublishedImageInfo.
        place: how Files are named.

    Returns:
        A dict.
    """
    request = {"origin": published.origin, "reference": _reference_request(published.reference, place)}
    if published.image:
        return request | {"kind": "image"} | documents_request(published.image, place)
    if published.index:
        return request | {
            "images": [documents_request(image, place) for image in published.index.images],
            "index": place(published.index.index),
            "kind": "index",
        }
    if published.digest:
        return request | _output_groups_request(published, place, published.documents)
    if published.layout_kind:
        request["layout_kind"] = published.layout_kind
    if published.layout:
        return request | {"kind": "layout", "layout": place(published.layout)}
    return request | {"file": place(published.file), "kind": "file"}

def image_push_request(published, place, *, layers, layouts, mounts, cached = [], documents = None):
    """An image under the name it is published, for a push.

    Args:
        published: a PublishedImageInfo with documents of these rules, or with a layout or a file of others.
        place: how Files are named.
        layers: list of OciLayerInfo, the layers that are at hand.
        layouts: list of Files, layouts that hold more.
        mounts: dict from the digest of a layer to a repository that has it.
        cached: list of OciLayerInfo, the layers that the build leaves in its cache.
        documents: a layout without layers in place of the one of others, where these are left in the cache too.

    Returns:
        A dict.
    """
    if not published.image and not published.index:
        # All its blobs are in its layout.
        request = {"origin": published.origin, "reference": _reference_request(published.reference, place)}
        if published.digest:
            return request | _output_groups_request(published, place, documents or published.layout)
        request |= {"kind": "layout", "layout": place(published.layout or published.file)}
        return request | ({"layout_kind": published.layout_kind} if published.layout_kind else {})
    left = {"cached": [_cached_layer_request(layer, place) for layer in cached]} if cached else {}
    return image_record_request(published, place) | left | {
        "layers": [layer_request(layer, place) for layer in layers],
        "layouts": [place(file) for file in layouts],
        "mount": [{"digest": digest, "repositories": [repository]} for digest, repository in mounts.items()],
    }
