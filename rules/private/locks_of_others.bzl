"""Lock files that other programs write: `rpms.lock.yaml` of rpm-lockfile-prototype, and the manifests of dnf.

As much as a download needs is read of them here; the program reads all, and says what is wrong with it.
"""

load(":yaml.bzl", "decode_yaml")

_EVERYWHERE = "noarch"
_SOURCES = ["nosrc", "src"]

# What dnf calls `$basearch`, where it is not the architecture itself.
_BASE = {
    "armv7hl": "armhfp",
    "i486": "i386",
    "i586": "i386",
    "i686": "i386",
}

_HEXADECIMAL = {c: None for c in "0123456789abcdef".elems()}
_IN_URL = {c: None for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!&'()*+,;=:@/%".elems()}

def is_of_others(label):
    """Say whether a lock is one of another program, by its name.

    Args:
        label: the label of a file.

    Returns:
        A bool.
    """
    return label.name.endswith((".yaml", ".yml"))

def _package(url, checksum):
    """A package, or what is wrong with it."""
    algorithm, _, digits = (checksum or "").partition(":")
    if algorithm.lower() != "sha256" or len(digits) != 64 or [c for c in digits.elems() if c not in _HEXADECIMAL]:
        return "has a package at {} without a sha256; make the index of its repository with `createrepo_c --checksum=sha256`, and lock again.".format(repr(url))
    if not url.startswith(("https://", "http://", "file:///")) or [c for c in url.elems() if c not in _IN_URL] or "/../" in url:
        return "has a package at {}, which is no address that can be downloaded.".format(repr(url))
    return struct(sha256 = digits, url = url)

def _of_konflux(document):
    packages = {}
    for one in document.get("arches") or []:
        if type(one) != "dict" or type(one.get("arch")) != "string":
            return "has an architecture without its name."
        packages[one["arch"]] = []
        for package in one.get("packages") or []:
            found = _package(package.get("url") or "", package.get("checksum")) if type(package) == "dict" else "has a package that is none."
            if type(found) == "string":
                return found
            packages[one["arch"]].append(found)
    return packages

def _of_dnf(document):
    data = document.get("data")
    listed = data.get("packages") if type(data) == "dict" else None
    if type(listed) != "dict":
        return "has no packages."
    bases = {one.get("id"): one.get("baseurl") for one in data.get("repositories") or [] if type(one) == "dict"}
    targets = {
        target: None
        for architecture, of_architecture in listed.items()
        if architecture not in _SOURCES
        for package in of_architecture or []
        for target in package.get("parent_archs") or ([architecture] if architecture != _EVERYWHERE else [])
    }
    packages = {target: [] for target in sorted(targets) or [_EVERYWHERE]}
    any = packages.keys()[0]
    for architecture, of_architecture in listed.items():
        for package in of_architecture or [] if architecture not in _SOURCES else []:
            base, location = bases.get(package.get("repo_id")), package.get("location")
            if not base or not location:
                return "names {} without a `location` in a repository that has a `baseurl`; add it, or make the file anew.".format(repr(package.get("name")))
            own = package.get("parent_archs") or (packages.keys() if architecture == _EVERYWHERE else [architecture])
            first = own[0] if architecture != _EVERYWHERE or package.get("parent_archs") else any
            base = base.rstrip("/").replace("$basearch", _BASE.get(first, first)).replace("$arch", first)
            found = _package(base + "/" + location, package.get("checksum"))
            if type(found) == "string":
                return found
            for target in own:
                packages[target].append(found)
    return packages

def packages_of_others(text):
    """Read the packages of a lock of another program.

    Args:
        text: the content of the file.

    Returns:
        A dict from architectures to lists of structs with `url` and `sha256`; or a sentence on what is wrong.
    """
    document = decode_yaml(text)
    if type(document) != "dict":
        return "is not of the form that rpm-lockfile-prototype or dnf writes; make a lock of it with `verbatim packages lock`."
    if "lockfileVersion" in document:
        return _of_konflux(document)
    if document.get("document") == "rpm-package-manifest":
        return _of_dnf(document)
    return "is no lock file that is known here: neither one of rpm-lockfile-prototype (`lockfileVersion`) nor a manifest of dnf (`document: rpm-package-manifest`)."
