"""One request of every form, as the rules write them."""

load("//rules:providers.bzl", "OciImageInfo", "OciIndexInfo", "OciLayerInfo", "PublishedImageInfo")
load(
    "//rules/private:requests.bzl",
    "IMAGE_SETTINGS",
    "archive_entry_request",
    "directory_entry_request",
    "documents_request",
    "exec_path",
    "file_entry_request",
    "file_record_request",
    "image_push_request",
    "image_record_request",
    "image_spec_request",
    "layer_request",
    "runfiles_path",
    "symlink_entry_request",
)

def _file(short_path):
    """What the functions ask of a File."""
    return struct(path = "bazel-out/bin/" + short_path, short_path = short_path)

def _image_info(name):
    return OciImageInfo(
        config = _file(name + ".config.json"),
        descriptor = None,
        digest = None,
        layers = [],
        layouts = depset(),
        layouts_runfiles = depset(),
        manifest = _file(name + ".manifest.json"),
        metadata = _file(name + ".image.json"),
        platform = "linux/amd64",
        remote_blobs = depset(),
    )

def _published(origin, *, prefix = None, registry = "registry.example.com", tag = None, **given):
    fields = {field: None for field in ["descriptor", "digest", "documents", "file", "image", "index", "layout", "layout_kind"]}
    return PublishedImageInfo(
        flags = {},
        origin = origin,
        reference = struct(name = "app", prefix = prefix, registry = registry, tag = tag),
        runfiles = depset(),
        status = [],
        **(fields | given)
    )

def _written_requests_impl(ctx):
    image = _image_info("app/image")
    index = OciIndexInfo(descriptor = None, digest = None, images = [image], index = _file("app/index.index.json"), metadata = None)
    layer = OciLayerInfo(blob = _file("app/layer.tar.gz"), metadata = _file("app/layer.layer.json"))
    settings = {
        "annotations": {"a": "b"},
        "author": "A",
        "cmd": ["--x=$y"],
        "created": "0",
        "entrypoint": ["/app"],
        "env": {"A": "b=c\nd"},
        "exposed_ports": ["80"],
        "labels": {"a \"b\"": "'c'"},
        "stop_signal": "SIGINT",
        "user": "1:2",
        "volumes": ["/data"],
        "workdir": "/srv",
    }
    if settings.keys() != sorted(IMAGE_SETTINGS):
        fail("a setting of images is missing here: {}".format(IMAGE_SETTINGS))

    requests = [
        ("entry", file_entry_request("usr/bin/my app", mode = "0755", origin = "//app:it's", source = exec_path(_file("app/$(app) \"x\"")))),
        ("entry", file_entry_request("app.runfiles/_main/link", keep_relative_links = True, origin = "runfiles of //app", source = exec_path(_file("app/link")))),
        ("entry", symlink_entry_request("etc/link", "it's $HOME", origin = "//app:layer")),
        ("entry", directory_entry_request("var/empty", origin = "//app:layer")),
        ("entry", archive_entry_request(_file("app/layer.tar.gz"), component = "//app:layer", origin = "//app:layer")),
        ("spec", image_spec_request(struct(**settings), struct(architecture = "arm64", os = "linux", variant = "v8"))),
        ("layer", layer_request(layer, exec_path)),
        ("documents", documents_request(image, exec_path)),
        ("file", file_record_request(_file("app/it's $1"), name = "tool linux", origin = "//app:tool", place = exec_path)),
    ] + [
        ("image", image_record_request(published, exec_path))
        for published in [
            _published("//app:image", image = image, prefix = "a/b", tag = "{STABLE_TAG}"),
            # A part in a File.
            _published("//app:index", index = index, registry = ctx.file.registry),
            _published("//app:layout", layout = _file("app/layout"), layout_kind = "image"),
            _published("//app:other", descriptor = _file("app/descriptor.json"), digest = _file("app/digest")),
            _published("//app:other", descriptor = _file("app/descriptor.json"), digest = _file("app/digest"), documents = _file("app/sparse")),
            _published("//app:archive.tar", file = struct(path = "app/archive.tar"), layout_kind = "index"),
        ]
    ] + [
        ("image", image_push_request(
            _published("//app:image", image = image),
            runfiles_path,
            cached = [struct(metadata = struct(owner = "@@//app:cached", short_path = "app/cached.layer.json"))],
            layers = [layer],
            layouts = [struct(short_path = "../base/layout")],
            mounts = {"sha256:5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9": "registry.example.com/base"},
        )),
        ("image", image_push_request(
            _published("//app:other", descriptor = _file("app/descriptor.json"), digest = _file("app/digest"), layout = _file("app/layout")),
            runfiles_path,
            layers = [],
            layouts = [],
            mounts = {},
        )),
    ]
    output = ctx.actions.declare_file(ctx.label.name + ".jsonl")
    ctx.actions.write(output, "".join([
        json.encode({"form": form, "request": request}) + "\n"
        for form, request in requests
    ]))
    return [DefaultInfo(files = depset([output]))]

written_requests = rule(
    implementation = _written_requests_impl,
    attrs = {
        "registry": attr.label(
            doc = "A file that holds a part of a reference.",
            allow_single_file = True,
        ),
    },
    doc = "A file with a request of every form.",
)
