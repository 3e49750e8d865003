"""The module extension `packages`: packages of a distribution, by a lock file.

The extension reads locks and never resolves. Each package is a repository of its own, so that one is downloaded when a build
needs it, by Bazel's downloader: with its mirrors, its cache and its checks.
"""

load(":locks_of_others.bzl", "is_of_others", "packages_of_others")
load(":reproducible_repository.bzl", "reproducible")

_SCHEMA = "verbatim.packages/1"

# The words of distributions for what Bazel calls the processor.
_CPU = {
    "aarch64": "aarch64",
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armv7",
    "armhfp": "armv7",
    "armv7": "armv7",
    "i386": "x86_32",
    "i686": "x86_32",
    "ppc64el": "ppc64le",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "x86": "x86_32",
    "x86_64": "x86_64",
}

# Packages that run everywhere.
_EVERYWHERE = ["all", "noarch"]

_HEXADECIMAL = {c: None for c in "0123456789abcdef".elems()}
_WORD = {c: None for c in "abcdefghijklmnopqrstuvwxyz0123456789._-".elems()}

# In a URL as they are (RFC 3986, section 3.3); every other visible character is written as `%` and two digits.
_PLAIN = {c: None for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/".elems()}
_OTHERS = {c: hexadecimal for c, hexadecimal in zip(
    " \"#%<>?[\\]^`{|}".elems(),
    ["20", "22", "23", "25", "3C", "3E", "3F", "5B", "5C", "5D", "5E", "60", "7B", "7C", "7D"],
)}

def _is_word(text):
    return type(text) == "string" and text != "" and len(text) <= 64 and not [c for c in text.elems() if c not in _WORD]

def _is_sha256(text):
    return type(text) == "string" and len(text) == 64 and not [c for c in text.elems() if c not in _HEXADECIMAL]

def escaped_path(path):
    """Write a path as it stands in a URL.

    Args:
        path: a path inside a source.

    Returns:
        The path, or None if it would leave its source or has characters that no such path has.
    """
    parts = path.split("/")
    if not path or path.startswith("/") or [part for part in parts if part in ["", ".", ".."]]:
        return None
    if [c for c in path.elems() if c not in _PLAIN and c not in _OTHERS]:
        return None
    return "".join([c if c in _PLAIN else "%" + _OTHERS[c] for c in path.elems()])

def lock_problem(lock):
    """Say what is wrong with a lock.

    Args:
        lock: what the file holds, decoded; None if it is no JSON.

    Returns:
        A sentence, or None.
    """
    if type(lock) != "dict" or lock.get("schema") != _SCHEMA:
        return "is no lock of packages (`{}`); make one with `verbatim packages lock`.".format(_SCHEMA)
    for key in ["architectures", "packages", "sources"]:
        if type(lock.get(key)) != "list":
            return "has no list `{}`; make it anew with `verbatim packages lock`.".format(key)
    for architecture in lock["architectures"]:
        if not _is_word(architecture):
            return "/architectures: {} is no architecture.".format(repr(architecture))
    sources = {}
    for source in lock["sources"]:
        if type(source) != "dict" or type(source.get("name")) != "string" or type(source.get("url")) != "string":
            return "/sources: an entry has no `name` or no `url`."
        sources[source["name"]] = None
    for i, package in enumerate(lock["packages"]):
        if type(package) != "dict" or package.get("source") not in sources:
            return "/packages/{}/source: is none of /sources.".format(i)
        if not _is_sha256(package.get("sha256")):
            return "/packages/{}/sha256: {} is not 64 lower-case hexadecimal digits.".format(i, repr(package.get("sha256")))
        if type(package.get("path")) != "string" or not escaped_path(package["path"]):
            return "/packages/{}/path: {} is no path inside a source.".format(i, repr(package.get("path")))
        if type(package.get("architecture")) != "string":
            return "/packages/{}/architecture: is missing.".format(i)
    return None

def packages_for(lock, architecture):
    """Choose the packages of a lock that belong into images of one architecture.

    Args:
        lock: a lock without problems.
        architecture: one of its architectures.

    Returns:
        A list of the lock's entries.
    """
    return [
        package
        for package in lock["packages"]
        if (architecture in package["targets"] if package.get("targets") else package["architecture"] in _EVERYWHERE + [architecture])
    ]

def _folder(rctx):
    """The folder of a source that is none of a server: relative to the lock."""
    source = rctx.attr.source
    folder = rctx.path(source) if source.startswith("/") else rctx.path(rctx.attr.lock).dirname
    for part in [] if source.startswith("/") else source.split("/"):
        if part == "..":
            folder = folder.dirname
        elif part not in ["", "."]:
            folder = folder.get_child(part)
    return folder

def _package_url(rctx):
    if rctx.attr.url:
        return rctx.attr.url
    source = rctx.attr.source
    if "://" not in source:
        folder = escaped_path(str(_folder(rctx)).removeprefix("/"))
        if not folder:
            fail("{}: /sources: the folder {} has characters in its path that no URL has; move it.".format(rctx.attr.lock, repr(source)))
        source = "file:///" + folder
    return source.rstrip("/") + "/" + escaped_path(rctx.attr.path)

def _package_impl(rctx):
    rctx.download(
        output = rctx.attr.sha256,
        sha256 = rctx.attr.sha256,
        url = _package_url(rctx),
    )
    rctx.file("BUILD.bazel", 'exports_files(["{}"], visibility = ["//visibility:public"])\n'.format(rctx.attr.sha256))
    return reproducible(rctx)

_package = repository_rule(
    implementation = _package_impl,
    attrs = {
        "lock": attr.label(mandatory = True),
        "path": attr.string(doc = "Its path in `source`."),
        "sha256": attr.string(mandatory = True),
        "source": attr.string(),
        "url": attr.string(doc = "Its whole address, in place of `source` and `path`."),
    },
    doc = "One package, as the file that is named by its sha256.",
)

_LOAD = """load("@rules_verbatim//rules/private:locked_packages.bzl", "locked_packages")
load("@rules_verbatim//rules/private:run.bzl", "verbatim_run")

package(default_visibility = ["//visibility:public"])
"""

_LOCKED = """
locked_packages(
    name = "{architecture}",
    architecture = "{architecture}",
    lock = "{lock}",
    packages = {packages},
)
"""

_CONDITION = """
config_setting(
    name = "is_{cpu}",
    constraint_values = ["@platforms//cpu:{cpu}"],
)
"""

_ALIAS = """
alias(
    name = "{name}",
    actual = {actual},
)
"""

_RUN = """
verbatim_run(
    name = "lock",
    arguments = {arguments},
)
"""

def _hub_impl(rctx):
    name = rctx.attr.hub
    text = _LOAD

    # Here too, so that nobody need export it; its bytes, for a link would lead out of the repository.
    lock = "locked.yaml" if is_of_others(rctx.attr.lock) else "locked.json"
    rctx.file(lock, rctx.read(rctx.attr.lock), executable = False)
    choice = {}
    for architecture, packages in rctx.attr.packages.items():
        text += _LOCKED.format(
            architecture = architecture,
            lock = lock,
            packages = json.encode(packages),
        )
        cpu = _CPU.get(architecture)
        if cpu and ":is_" + cpu not in choice:
            choice[":is_" + cpu] = ":" + architecture
            text += _CONDITION.format(cpu = cpu)
    architectures = rctx.attr.packages.keys()
    if len(architectures) == 1:
        text += _ALIAS.format(name = name, actual = repr(":" + architectures[0]))
    elif choice:
        text += _ALIAS.format(name = name, actual = "select({}, no_match_error = {})".format(
            json.encode(choice),
            repr("the lock {} is for {}; name one of them as @{}//:ARCHITECTURE, or build for one of these platforms".format(rctx.attr.lock, ", ".join(architectures), name)),
        ))
    if rctx.attr.manifest:
        text += _RUN.format(arguments = json.encode([
            "packages",
            "lock",
            "--workspace",
            "--output=" + _in_workspace(rctx.attr.lock),
            _in_workspace(rctx.attr.manifest),
        ]))
    rctx.file("BUILD.bazel", text)
    return reproducible(rctx)

def _in_workspace(label):
    return "/".join([part for part in [label.package, label.name] if part])

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = {
        "hub": attr.string(mandatory = True),
        "lock": attr.label(mandatory = True),
        "manifest": attr.label(),
        "packages": attr.string_list_dict(doc = "From an architecture to the labels of its packages."),
    },
    doc = "The packages of one lock, by architecture.",
)

def _own_packages(text):
    """The packages of a lock of ours by architecture, or what is wrong with it."""

    # An empty file is a lock that is still to be made, with `bazel run @name//:lock`.
    lock = json.decode(text, default = None) if text.strip() else {"architectures": [], "packages": [], "schema": _SCHEMA, "sources": []}
    problem = lock_problem(lock)
    if problem:
        return problem
    urls = {source["name"]: source["url"] for source in lock["sources"]}
    return {
        architecture: [
            struct(path = package["path"], sha256 = package["sha256"], source = urls[package["source"]])
            for package in packages_for(lock, architecture)
        ]
        for architecture in lock["architectures"]
    }

def _packages_impl(mctx):
    seen = {}
    for module in mctx.modules:
        for tag in module.tags.lock:
            where = "packages.lock(name = {}) in module {}".format(repr(tag.name), module.name)
            if tag.name in seen:
                fail("{}: module {} has one of that name; choose another.".format(where, seen[tag.name]))
            seen[tag.name] = module.name
            text = mctx.read(tag.lock)
            found = packages_of_others(text) if is_of_others(tag.lock) else _own_packages(text)
            if type(found) == "string":
                fail("{}: {} {}".format(where, tag.lock, found))
            repositories = {}
            packages = {}
            for architecture, of_architecture in found.items():
                packages[architecture] = []
                for package in of_architecture:
                    sha256 = package.sha256
                    repository = "{}_{}".format(tag.name, sha256[:16])
                    if repository not in repositories:
                        repositories[repository] = sha256
                        _package(
                            name = repository,
                            lock = tag.lock,
                            path = getattr(package, "path", ""),
                            sha256 = sha256,
                            source = getattr(package, "source", ""),
                            url = getattr(package, "url", ""),
                        )
                    elif repositories[repository] != sha256:
                        fail("{}: two packages have digests that begin with {}.".format(where, sha256[:16]))
                    packages[architecture].append("@{}//:{}".format(repository, sha256))
            _hub(
                name = tag.name,
                hub = tag.name,
                lock = tag.lock,
                manifest = tag.manifest,
                packages = packages,
            )
    return mctx.extension_metadata(reproducible = True)

packages = module_extension(
    implementation = _packages_impl,
    doc = """Packages of a distribution (deb, rpm), by a lock file that `verbatim packages lock` made.

```starlark
packages = use_extension("@rules_verbatim//rules:extensions.bzl", "packages")
packages.lock(
    name = "base",
    lock = "//images:base.lock.json",
    manifest = "//images:base.toml",
)
use_repo(packages, "base")
```

`@base` is what a `package_layer` is made of, for the platform that is built for; `@base//:arm64` is the same for one architecture, in the
distribution's word. `bazel run @base//:lock` chooses anew and writes the lock file; nothing else ever resolves. Before there is a lock, make
an empty file of its name.

A lock of another program can stand in its place as it is: `rpms.lock.yaml` of rpm-lockfile-prototype (Konflux), and `packages.manifest.yaml` of
`dnf manifest`. Each package in it must have a sha256.

Each package is downloaded when a build needs it, by its sha256, with Bazel's own downloader.
""",
    tag_classes = {
        "lock": tag_class(
            attrs = {
                "lock": attr.label(
                    doc = "The lock file (`verbatim.packages/1`, or one of another program), a source file. A source that is a folder is relative to it.",
                    mandatory = True,
                ),
                "manifest": attr.label(
                    doc = "The manifest, or the lock of another program, that the lock is made of. With it there is a target `lock`.",
                ),
                "name": attr.string(
                    doc = "The name of the repository.",
                    mandatory = True,
                ),
            },
            doc = "The packages of one lock file.",
        ),
    },
)
