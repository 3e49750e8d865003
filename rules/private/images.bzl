"""The module extension `images`: images of registries, as bases and to be summed."""

load(":registry_download.bzl", "is_loopback", "is_plain_http", "registry_client", "split_repository")
load(":reproducible_repository.bzl", "reproducible")

# What images and Bazel call the same: for the constraint values that choose between images.
_CPU = {
    "386": "x86_32",
    "amd64": "x86_64",
    "arm": "armv7",
    "arm64": "aarch64",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_OS = {"linux": "linux", "windows": "windows"}

_HEXADECIMAL = {c: None for c in "0123456789abcdef".elems()}
_WORD = {c: None for c in "abcdefghijklmnopqrstuvwxyz0123456789._-".elems()}

_MAX_DOCUMENT = 4 * 1024 * 1024

def pull_problem(*, image, digest, tag, platforms, mirrors):
    """Say what is wrong with a tag `pull`.

    Args:
        image: the attribute.
        digest: the attribute.
        tag: the attribute.
        platforms: the attribute.
        mirrors: the attribute.

    Returns:
        A sentence, or None.
    """
    for attribute, repository in [("image", image)] + [("mirrors", mirror) for mirror in mirrors]:
        if not split_repository(repository):
            return "attribute `{}`: {} names no registry; write it in full, such as \"registry.example.com/acme/base\".".format(attribute, repr(repository))
        if "@" in repository or ":" in repository.rpartition("/")[2]:
            return "attribute `{}`: {} has a tag or a digest; these stand in `tag` and `digest`.".format(attribute, repr(repository))
    if digest and not is_digest(digest):
        return "attribute `digest`: {} is no digest; write \"sha256:\" and 64 lower-case hexadecimal digits.".format(repr(digest))
    if not digest and not tag:
        return "attribute `digest`: is missing; find it with `verbatim pull --pin {}:TAG`, or give `tag` to be told.".format(image)
    for platform in platforms:
        parts = platform.split("/")
        if len(parts) not in [2, 3] or parts[0] not in _OS or parts[1] not in _CPU:
            return "attribute `platforms`: {} is not known; write one such as \"linux/amd64\".".format(repr(platform))
    return None

def is_digest(text):
    """Say whether a value is a digest that may become a file name: `sha256:` and 64 lower-case hexadecimal digits.

    Args:
        text: any value, as it stands in a document.

    Returns:
        bool.
    """
    if type(text) != "string" or not text.startswith("sha256:") or len(text) != 71:
        return False
    return not [c for c in text[7:].elems() if c not in _HEXADECIMAL]

def is_word(text):
    """Say whether a value may become the name of a target: 1 to 64 of a-z, 0-9, `.`, `_` and `-`.

    What a registry serves is not trusted: everything of it that reaches a BUILD file passes here.

    Args:
        text: any value, as it stands in a document.

    Returns:
        bool.
    """
    if type(text) != "string" or not text or len(text) > 64:
        return False
    return not [c for c in text.elems() if c not in _WORD]

def _digest_of(rctx, descriptor, what):
    digest = descriptor.get("digest") if type(descriptor) == "dict" else None
    if not is_digest(digest):
        fail("{}@{}: {} has no sha256 digest; the image is damaged, or the registry serves something else.".format(rctx.attr.image, rctx.attr.digest, what))
    return digest

def _word_of(rctx, config, key, optional = False):
    word = config.get(key) or ""
    if not (optional and word == "") and not is_word(word):
        fail("{}@{}: `{}` of a config is {}, which is no name of a platform.".format(rctx.attr.image, rctx.attr.digest, key, repr(word)))
    return word

def _list_of(rctx, document, key):
    entries = document[key]
    if type(entries) != "list" or [entry for entry in entries if type(entry) != "dict"]:
        fail("{}@{}: `{}` is no list of descriptors.".format(rctx.attr.image, rctx.attr.digest, key))
    return entries

def _read(rctx, file):
    text = rctx.read(file)
    if len(text) > _MAX_DOCUMENT:
        fail("{}: {} has more than 4 MiB, the limit for a document.".format(rctx.attr.image, file))
    document = json.decode(text, default = None)
    if type(document) != "dict":
        fail("{}: what the registry serves as {} is no JSON object.".format(rctx.attr.image, file))
    return document

def _platform(entry):
    platform = entry.get("platform")
    if type(platform) != "dict":
        return ""
    parts = [platform.get(part) or "" for part in ["os", "architecture", "variant"]]
    if [part for part in parts if part and not is_word(part)]:
        return ""
    return "/".join([part for part in parts if part])

def _matches(wanted, platform):
    return platform == wanted or platform.startswith(wanted + "/") or (wanted == "linux/arm64/v8" and platform == "linux/arm64")

def _write_image(rctx, get, folder, digest):
    """Fetch the manifest and config of one image; what BUILD says of it."""
    blob = folder + "/blobs/sha256/"
    manifest_file = blob + digest.removeprefix("sha256:")
    get("manifests/" + digest, manifest_file, digest)
    manifest = _read(rctx, manifest_file)
    if "config" not in manifest or "layers" not in manifest:
        fail("{}@{}: what is served as {} is no manifest of an image.".format(rctx.attr.image, rctx.attr.digest, digest))
    config_digest = _digest_of(rctx, manifest["config"], "the config of a manifest")
    get("blobs/" + config_digest, blob + config_digest.removeprefix("sha256:"), config_digest)
    config = _read(rctx, blob + config_digest.removeprefix("sha256:"))
    rctx.file(folder + "/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    rctx.file(folder + "/index.json", json.encode({
        "manifests": [{
            "digest": digest,
            "mediaType": manifest.get("mediaType") if type(manifest.get("mediaType")) == "string" else "application/vnd.oci.image.manifest.v1+json",
            "size": len(rctx.read(manifest_file)),
        }],
        "schemaVersion": 2,
    }))
    layers = []
    for layer in _list_of(rctx, manifest, "layers"):
        layer_digest = _digest_of(rctx, layer, "a layer of a manifest")
        if type(layer.get("size")) != "int" or layer["size"] < 0:
            fail("{}@{}: the layer {} has no size.".format(rctx.attr.image, rctx.attr.digest, layer_digest))
        layers.append("{} {}".format(layer_digest, layer["size"]))
        if rctx.attr.eager:
            get("blobs/" + layer_digest, "layers/" + layer_digest.removeprefix("sha256:"), layer_digest)
    return struct(
        architecture = _word_of(rctx, config, "architecture"),
        layers = layers,
        os = _word_of(rctx, config, "os"),
        variant = _word_of(rctx, config, "variant", optional = True),
    )

_IMAGE = """
pulled_image(
    name = "{name}",
    srcs = glob(["{folder}/**"]),
    architecture = "{architecture}",
    blobs = glob(["layers/*"], allow_empty = True),
    layers = {layers},
    mirrors = {mirrors},
    os = "{os}",
    plain_http = {plain_http},
    repository = "{repository}",
    variant = "{variant}",
)
"""

def _pulled_impl(rctx):
    image = rctx.attr.image
    get = registry_client(rctx, rctx.attr.mirrors + [image], rctx.attr.plain_http)
    if not rctx.attr.digest:
        if is_plain_http(image, rctx.attr.plain_http):
            # Bazel downloads nothing by plain HTTP that it cannot check.
            fail("images.pull(name = \"{}\"): attribute `digest` is missing; find it with `verbatim pull --pin {}:{}`.".format(rctx.attr.pull_name, image, rctx.attr.tag))
        digest = get("manifests/" + rctx.attr.tag, "tag.json", None)
        fail("""images.pull(name = "{}"): attribute `digest` is missing. {}:{} stands for this now; write

    digest = "{}",
""".format(rctx.attr.pull_name, image, rctx.attr.tag, digest))
    get("manifests/" + rctx.attr.digest, "root.json", rctx.attr.digest)
    root = _read(rctx, "root.json")
    if "manifests" in root:
        entries = [entry for entry in _list_of(rctx, root, "manifests") if _platform(entry) and not _platform(entry).startswith("unknown")]
        digests = {}
        wanted = rctx.attr.platforms or [_platform(entry) for entry in entries]
        for platform in wanted:
            found = [entry for entry in entries if _matches(platform, _platform(entry))]
            if not found:
                fail("images.pull(name = \"{}\"): attribute `platforms`: {} is not among those of {}: {}.".format(
                    rctx.attr.pull_name,
                    repr(platform),
                    image,
                    ", ".join([_platform(entry) for entry in entries]),
                ))
            digests.setdefault(_digest_of(rctx, found[0], "a manifest of the index"), platform)
        digests = digests.keys()
    elif "layers" in root and "config" in root:
        digests = [rctx.attr.digest]
    else:
        fail("{}@{} is neither an image nor an index of images.".format(image, rctx.attr.digest))

    lines = [
        'load("@rules_verbatim//rules/private:pulled_image.bzl", "pulled_image")',
        'load("@rules_verbatim//rules/private:run.bzl", "verbatim_run")',
        "",
        'package(default_visibility = ["//visibility:public"])',
    ]
    known = {}
    for digest in digests:
        folder = "image_" + digest.removeprefix("sha256:")[:16]
        facts = _write_image(rctx, get, folder, digest)
        name = "_".join([part for part in [facts.os, facts.architecture, facts.variant] if part])
        if name in known:
            continue
        known[name] = facts
        lines.append(_IMAGE.format(
            name = name,
            architecture = facts.architecture,
            folder = folder,
            layers = json.encode(facts.layers),
            mirrors = json.encode(rctx.attr.mirrors),
            os = facts.os,
            plain_http = json.encode(rctx.attr.plain_http),
            repository = image,
            variant = facts.variant,
        ))

    # The image for the platform that is built for.
    choice = {}
    for name, facts in known.items():
        if facts.os not in _OS or facts.architecture not in _CPU:
            continue
        condition = "is_{}_{}".format(facts.os, facts.architecture)
        if ":" + condition in choice:
            continue
        choice[":" + condition] = ":" + name
        lines.append("""
config_setting(
    name = "{}",
    constraint_values = ["@platforms//os:{}", "@platforms//cpu:{}"],
)""".format(condition, _OS[facts.os], _CPU[facts.architecture]))
    lines.append("""
alias(
    name = "{}",
    actual = {},
)""".format(rctx.attr.pull_name, repr(":" + known.keys()[0]) if len(known) == 1 else "select({}, no_match_error = {})".format(
        json.encode(choice),
        repr("{} has images for {}; name one of them as @{}//:NAME, or build for one of these platforms".format(image, ", ".join(known), rctx.attr.pull_name)),
    )))
    if rctx.attr.tag:
        lines.append("""
verbatim_run(
    name = "update",
    arguments = {},
)""".format(json.encode(
            ["pull", "--pin", "--update=MODULE.bazel", "{}:{}@{}".format(image, rctx.attr.tag, rctx.attr.digest)] +
            ["--plain-http=" + host for host in rctx.attr.plain_http],
        )))
    rctx.file("BUILD.bazel", "\n".join(lines) + "\n")
    return reproducible(rctx)

_pulled = repository_rule(
    implementation = _pulled_impl,
    attrs = {
        "digest": attr.string(),
        "eager": attr.bool(),
        "image": attr.string(mandatory = True),
        "mirrors": attr.string_list(),
        "plain_http": attr.string_list(),
        "platforms": attr.string_list(),
        "pull_name": attr.string(mandatory = True),
        "tag": attr.string(),
    },
    doc = "The documents of an image, and targets that fetch its layers when their bytes are needed.",
)

def _images_impl(mctx):
    seen = {}
    for module in mctx.modules:
        for tag in module.tags.pull:
            problem = pull_problem(
                digest = tag.digest,
                image = tag.image,
                mirrors = tag.mirrors,
                platforms = tag.platforms,
                tag = tag.tag,
            )
            if problem:
                fail("images.pull(name = {}) in module {}: {}".format(repr(tag.name), module.name, problem))
            hosts = [split_repository(repository)[0] for repository in [tag.image] + tag.mirrors]
            if tag.name in seen:
                fail("images.pull(name = {}) in module {}: module {} has one of that name; choose another.".format(repr(tag.name), module.name, seen[tag.name]))
            seen[tag.name] = module.name
            _pulled(
                name = tag.name,
                digest = tag.digest,
                eager = tag.eager,
                image = tag.image,
                mirrors = tag.mirrors,
                plain_http = [host for host in hosts if host and (tag.plain_http and not is_loopback(host))],
                platforms = tag.platforms,
                pull_name = tag.name,
                tag = tag.tag,
            )
    return mctx.extension_metadata(reproducible = True)

images = module_extension(
    implementation = _images_impl,
    tag_classes = {
        "pull": tag_class(
            attrs = {
                "digest": attr.string(
                    doc = "What is pulled: `sha256:` and 64 hexadecimal digits, of a manifest or of an index. If it is missing, `tag` is looked up and the error says what to write (of a registry with plain HTTP, how to find it).",
                ),
                "eager": attr.bool(
                    doc = "Fetch the layers together with the documents, and not when an action first needs them.",
                ),
                "image": attr.string(
                    doc = "The repository with its registry: `registry.example.com/acme/base`.",
                    mandatory = True,
                ),
                "mirrors": attr.string_list(
                    doc = "Repositories that have the same image and are asked first, in this order.",
                ),
                "name": attr.string(
                    doc = "The repository's name: the image is `@<name>`.",
                    mandatory = True,
                ),
                "platforms": attr.string_list(
                    doc = "Of an index, the platforms that are wanted: `linux/amd64`, `linux/arm64/v8`. By default all of them.",
                ),
                "plain_http": attr.bool(
                    doc = "Whether the registries may be asked by plain HTTP. Those on this machine may by themselves.",
                ),
                "tag": attr.string(
                    doc = "The tag that `bazel run @<name>//:update` looks up; a build never does.",
                ),
            },
            doc = "Declares an image of a registry.",
        ),
    },
    doc = """Images of registries, as bases.

```starlark
images = use_extension("@rules_verbatim//rules:extensions.bzl", "images")
images.pull(
    name = "base",
    digest = "sha256:<64 hexadecimal digits>",
    image = "registry.example.com/acme/base",
    tag = "v1",
)
use_repo(images, "base")
```

`@base` is then a target for `oci_image.base`: the image for the platform that is built for; `@base//:linux_amd64` is one for a certain platform.

While the repository is fetched only the manifest and the config of each platform are, some ten kilobytes, by Bazel's own downloader, and each is checked
against its digest. A layer is fetched by an action (`VerbatimPull`) when its bytes are needed: for a layout or an archive of an image, but not for the image's
manifest, its sums or a push to a registry that can mount it.

`bazel run @base//:update` writes the digest that the tag stands for now into MODULE.bazel.

Credentials: the files of Docker and Podman, their `credHelpers` and `credsStore` too (found on the PATH), and Bazel's `--credential_helper`. For layers `verbatim pull` finds them, see
docs/registries.md; say where they are with `--action_env=HOME` or `--action_env=DOCKER_CONFIG`.
""",
)
