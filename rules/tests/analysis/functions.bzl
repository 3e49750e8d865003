"""Functions without a target: what they return, and the sentences of the extension's errors."""

load("@bazel_skylib//lib:unittest.bzl", "asserts", "unittest")
load("//rules/private:checks.bzl", "show")
load("//rules/private:entries.bzl", "in_runfiles", "relative_to")
load("//rules/private:images.bzl", "is_digest", "is_word", "pull_problem")
load("//rules/private:locks_of_others.bzl", "packages_of_others")
load("//rules/private:packages.bzl", "escaped_path", "lock_problem", "packages_for")
load("//rules/private:prebuilt.bzl", "prebuilt_problem")
load("//rules/private:registry_download.bzl", "authorization", "canonical_repository", "docker_config", "find_credential", "is_loopback", "split_repository", "token_server")
load("//rules/private:run.bzl", "operand")
load("//rules/private:runfiles_groups.bzl", "DEFAULT_GROUPS", "glob_matches", "group_of")
load("//rules/private:stamp.bzl", "keys_problem")
load("//rules/private/platform:target_platform.bzl", "platform_text")

_SHA256 = "0123456789abcdef" * 4

def _prebuilt(**changes):
    return prebuilt_problem(**({
        "cpu": "x86_64",
        "file": False,
        "os": "linux",
        "sha256": _SHA256,
        "url": "https://example.com/verbatim",
        "urls": [],
    } | changes))

def _prebuilt_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, None, _prebuilt())
    asserts.equals(env, None, _prebuilt(url = "", urls = ["https://example.com/a", "https://example.com/b"]))
    asserts.equals(env, None, _prebuilt(file = True, sha256 = "", url = ""))
    for changes, attribute, part in [
        ({"os": "plan9"}, "os", "\"plan9\" is not known; write one of linux, macos, windows"),
        ({"cpu": "vax"}, "cpu", "\"vax\" is not known"),
        ({"url": ""}, "url", "is missing; give exactly one of `url`, `urls` and `file`"),
        ({"urls": ["https://example.com/b"]}, "urls", "cannot be used together with `url`"),
        ({"file": True}, "file", "cannot be used together with `url`"),
        ({"file": True, "url": ""}, "sha256", "is for a program that is downloaded"),
        ({"sha256": ""}, "sha256", "is not 64 lower-case hexadecimal digits"),
        ({"sha256": _SHA256.upper()}, "sha256", "is not 64 lower-case hexadecimal digits"),
    ]:
        problem = _prebuilt(**changes)
        asserts.true(env, problem and problem.startswith("attribute `%s`: " % attribute), "{}: {}".format(changes, problem))
        asserts.true(env, problem and part in problem, "{}: {}".format(changes, problem))
    return unittest.end(env)

def _groups_test_impl(ctx):
    env = unittest.begin(ctx)
    for glob, path, expected in [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a", "b", False),
        ("*/b", "a/b", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("ab*bc", "abc", False),
        ("a*b*c*d", "a1b2c3d", True),
        ("a*b*c*d", "a1c2b3d", False),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("a/**", "a", True),
        ("a/**/d", "a/b/c/d", True),
        ("a/**/d", "a/d", True),
        ("a/**/d", "a/d/e", False),
        ("**/node_modules/**", "_main/app/node_modules/x/y.js", True),
        ("**/node_modules/**", "_main/app/my_node_modules/y.js", False),
        ("**/a/**/a/**", "a/x/a/y", True),
        ("**/a/**/a/**", "a/x/y", False),
    ]:
        asserts.equals(env, expected, glob_matches(glob, path), "{} and {}".format(glob, path))
    for path, expected in {
        "_main/app/main.py": None,
        "_main/node_modules/left/index.js": "packages",
        "rules_nodejs++node+nodejs_linux_amd64/bin/node": "interpreter",
        "rules_python~~pip~pip_311_six/site-packages/six.py": "packages",
        "rules_python~~python~python_3_11_x86_64-unknown-linux-gnu/bin/python3": "interpreter",
    }.items():
        asserts.equals(env, expected, group_of(DEFAULT_GROUPS, path, "_main"), path)
    groups = {"first": ["@@x"], "own": ["@@"], "rest": ["@"]}
    for path, expected in {"_main/a": "own", "x/a": "first", "y/a": "rest"}.items():
        asserts.equals(env, expected, group_of(groups, path, "_main"), path)
    return unittest.end(env)

groups_test = unittest.make(_groups_test_impl)

prebuilt_test = unittest.make(_prebuilt_test_impl)

def _paths_test_impl(ctx):
    env = unittest.begin(ctx)
    for path, directory, expected in [
        ("a/b", "a/c/d", "../../b"),
        ("a/b", "a", "b"),
        ("a", "", "a"),
        ("app", "app.runfiles/_main", "../../app"),
        ("a/b/c", "x", "../a/b/c"),
    ]:
        asserts.equals(env, expected, relative_to(path, directory))
    asserts.equals(env, "_main/a/b", in_runfiles("a/b", "_main"))
    for path, expected in {"-a": "./-a", "../a": "../a", "@a/b": "./@a/b", "a/-b": "a/-b"}.items():
        asserts.equals(env, expected, operand(path))
    asserts.equals(env, "other~/a/b", in_runfiles("../other~/a/b", "_main"))
    asserts.equals(env, "//a:b", show("@@//a:b"))
    asserts.equals(env, "//a:b", show("@//a:b"))
    asserts.equals(env, "@@other~//a:b", show("@@other~//a:b"))
    asserts.equals(env, "linux/amd64", platform_text(struct(os = "linux", architecture = "amd64", variant = "")))
    asserts.equals(env, "linux/arm/v7", platform_text(struct(os = "linux", architecture = "arm", variant = "v7")))
    return unittest.end(env)

paths_test = unittest.make(_paths_test_impl)

def _pull(**changes):
    return pull_problem(**({
        "digest": "sha256:" + _SHA256,
        "image": "registry.example.com/acme/base",
        "mirrors": [],
        "platforms": [],
        "tag": "",
    } | changes))

def _pull_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, None, _pull())
    asserts.equals(env, None, _pull(digest = "", tag = "v1"))
    asserts.equals(env, None, _pull(image = "localhost:5000/base", mirrors = ["127.0.0.1:5000/x"], platforms = ["linux/amd64", "linux/arm/v7"]))
    for changes, attribute, part in [
        ({"image": "base"}, "image", "names no registry; write it in full"),
        ({"image": "acme/base"}, "image", "names no registry"),
        ({"image": "registry.example.com/base:v1"}, "image", "has a tag or a digest"),
        ({"mirrors": ["base"]}, "mirrors", "names no registry"),
        ({"digest": ""}, "digest", "is missing; find it with `verbatim pull --pin registry.example.com/acme/base:TAG`"),
        ({"digest": _SHA256}, "digest", "is no digest"),
        ({"digest": "sha256:" + _SHA256.upper()}, "digest", "is no digest"),
        ({"platforms": ["amd64"]}, "platforms", "\"amd64\" is not known; write one such as \"linux/amd64\""),
    ]:
        problem = _pull(**changes)
        asserts.true(env, problem and problem.startswith("attribute `%s`: " % attribute), "{}: {}".format(changes, problem))
        asserts.true(env, problem and part in problem, "{}: {}".format(changes, problem))
    asserts.equals(env, ("localhost:5000", "a/b"), split_repository("localhost:5000/a/b"))
    for host, expected in {"127.0.0.1:5000": True, "127.example.com": False, "[::1]:5000": True, "localhost": True, "localhost.example.com": False, "registry.example.com": False}.items():
        asserts.equals(env, expected, is_loopback(host), host)

    # What a registry serves must not become Starlark or a path.
    for value, expected in [("linux", True), ("arm64", True), ("v8.1_a-b", True), ("", False), ("a\",", False), ("a\n", False), ("../a", False), ("A", False), ("é", False), ("a" * 65, False), (None, False), (1, False), ({}, False)]:
        asserts.equals(env, expected, is_word(value), repr(value))
    for value, expected in [("sha256:" + _SHA256, True), (_SHA256, False), ("sha256:" + _SHA256.upper(), False), ("sha256:../" + _SHA256[3:], False), ("sha512:" + _SHA256, False), ("sha256:" + _SHA256 + "\n", False), (None, False), (7, False)]:
        asserts.equals(env, expected, is_digest(value), repr(value))
    return unittest.end(env)

pull_test = unittest.make(_pull_test_impl)

def _lock(**changes):
    return {
        "architectures": ["amd64", "i386"],
        "packages": [
            {"architecture": "all", "path": "pool/a_1_all.deb", "sha256": _SHA256, "source": "debian"},
            {"architecture": "i386", "path": "pool/b_1_i386.deb", "sha256": _SHA256, "source": "debian"},
            {"architecture": "i386", "path": "pool/c_1_i386.deb", "sha256": _SHA256, "source": "debian", "targets": ["amd64"]},
        ],
        "schema": "verbatim.packages/1",
        "sources": [{"name": "debian", "url": "https://deb.example.com/debian"}],
    } | changes

def _package(**changes):
    return _lock(packages = [_lock()["packages"][0] | changes])

def _packages_test_impl(ctx):
    env = unittest.begin(ctx)
    asserts.equals(env, None, lock_problem(_lock()))
    for lock, part in [
        (None, "is no lock of packages"),
        ([], "is no lock of packages"),
        (_lock(schema = "verbatim.packages/2"), "is no lock of packages"),
        (_lock(packages = None), "has no list `packages`"),
        (_lock(architectures = ["../x"]), "/architectures: \"../x\" is no architecture"),
        (_lock(sources = [{"name": "debian"}]), "/sources: an entry has no `name` or no `url`"),
        (_package(source = "other"), "/packages/0/source: is none of /sources"),
        (_package(sha256 = _SHA256.upper()), "/packages/0/sha256"),
        (_package(sha256 = "../" + _SHA256[3:]), "/packages/0/sha256"),
        (_package(path = "../a.deb"), "/packages/0/path"),
        (_package(path = "/a.deb"), "/packages/0/path"),
        (_package(path = "a\nb.deb"), "/packages/0/path"),
        (_package(architecture = None), "/packages/0/architecture"),
    ]:
        problem = lock_problem(lock) or "nothing"
        asserts.true(env, part in problem, "{}: {}".format(lock, problem))
    for architecture, expected in {"amd64": ["a_1_all", "c_1_i386"], "i386": ["a_1_all", "b_1_i386"]}.items():
        found = [package["path"].removeprefix("pool/").removesuffix(".deb") for package in packages_for(_lock(), architecture)]
        asserts.equals(env, expected, found)

    # As the server has it, whatever is in the name.
    asserts.equals(env, "pool/g/g++_4%253a1~2.deb", escaped_path("pool/g/g++_4%3a1~2.deb"))
    asserts.equals(env, "a%20b/c%23d%3F", escaped_path("a b/c#d?"))
    for path in ["", "/a", "a//b", "a/./b", "a/..", "é"]:
        asserts.equals(env, None, escaped_path(path), path)
    return unittest.end(env)

packages_test = unittest.make(_packages_test_impl)

_KONFLUX = """---
lockfileVersion: 1
lockfileVendor: redhat
arches:
- arch: aarch64
  packages:
  - url: https://rpm.example.com/9/t/tzdata-2025a-1.el9.noarch.rpm
    repoid: base
    size: 10
    checksum: sha256:{sha256}
    name: tzdata
    evr: '2025'
  source: []
  module_metadata: []
- arch: x86_64
  packages: []
"""

_DNF = """# made by dnf
document: rpm-package-manifest
version: 0.2.2
data:
    repositories:
        - id: base
          baseurl: https://rpm.example.com/9/$basearch/os/
    packages:
        i686:
            - name: glibc
              repo_id: base
              location: g/glibc.i686.rpm
              checksum: SHA256:{sha256}
              parent_archs: [x86_64]
        noarch:
            - name: tzdata
              repo_id: base
              location: t/tzdata.noarch.rpm
              checksum: sha256:{sha256}
        src:
            - name: tzdata
"""

def _locks_of_others_test_impl(ctx):
    env = unittest.begin(ctx)
    one = struct(sha256 = _SHA256, url = "https://rpm.example.com/9/t/tzdata-2025a-1.el9.noarch.rpm")
    asserts.equals(env, {"aarch64": [one], "x86_64": []}, packages_of_others(_KONFLUX.format(sha256 = _SHA256)))
    found = packages_of_others(_DNF.format(sha256 = _SHA256))
    asserts.equals(env, {"x86_64": [
        struct(sha256 = _SHA256, url = "https://rpm.example.com/9/x86_64/os/g/glibc.i686.rpm"),
        struct(sha256 = _SHA256, url = "https://rpm.example.com/9/x86_64/os/t/tzdata.noarch.rpm"),
    ]}, found)
    for text, was, becomes, words in [
        (_KONFLUX, "sha256:", "sha1:", "without a sha256"),
        (_KONFLUX, "{sha256}", "ab", "without a sha256"),
        (_KONFLUX, "https:", "ftp:", "no address"),
        (_KONFLUX, "/9/", "/../", "no address"),
        (_KONFLUX, "lockfileVersion", "version", "no lock file that is known"),
        (_KONFLUX, "arches:", "arches: &a", "not of the form"),
        (_DNF, "baseurl", "metalink", "without a `location` in a repository"),
        (_DNF, "  packages:", "  other:", "has no packages"),
        (_DNF, "document: ", "document: |\n  ", "not of the form"),
    ]:
        problem = packages_of_others(text.replace(was, becomes).format(sha256 = _SHA256))
        asserts.true(env, type(problem) == "string" and words in problem, "{}: {}".format(words, problem))
    return unittest.end(env)

locks_of_others_test = unittest.make(_locks_of_others_test_impl)

def _keys_test_impl(ctx):
    env = unittest.begin(ctx)
    flags = {"VERSION": "1"}
    for text in ["", "v1", "{VERSION}", "v{STABLE_TAG}-{VERSION}", "{BUILD_EMBED_LABEL}", "{BUILD_USER}.{BUILD_HOST}", "a}b"]:
        asserts.equals(env, None, keys_problem(text, flags), text)
    for text, part in {
        "a{VERSION": "opens a brace and does not close it",
        "v{BUILD_TIMESTAMP}": "asks for {BUILD_TIMESTAMP}, which is neither a key of `flags` nor a stable key",
        "{FORMATTED_DATE}": "print it as STABLE_FORMATTED_DATE",
        "{STABLE_A}{GIT_COMMIT}": "asks for {GIT_COMMIT}",
        "{version}": "asks for {version}",
        "{}": "asks for {}",
    }.items():
        problem = keys_problem(text, flags) or "nothing"
        asserts.true(env, part in problem, "{}: {}".format(text, problem))

    # A rule without the attribute does not tell of it.
    asserts.equals(env, None, keys_problem("{STABLE_TAG}", None))
    problem = keys_problem("{VERSION}", None) or "nothing"
    asserts.true(env, "asks for {VERSION}, which is no stable key" in problem, problem)
    return unittest.end(env)

keys_test = unittest.make(_keys_test_impl)

def _found(text, repository):
    host, name = canonical_repository(repository)
    config = docker_config(text)
    found = find_credential(config, host, name) if config else None
    if not found:
        return None
    return "helper " + found.helper if found.helper else " ".join([found.credential.kind, found.credential.user, found.credential.secret])

def _credentials_test_impl(ctx):
    env = unittest.begin(ctx)

    # As Docker reads them.
    for text in [
        "",
        "\n",
        "null",
        "[]",
        "{}",
        "not JSON",
        """{"auths":null,"credHelpers":null,"credsStore":null}""",
        """{"auths":{"r.example.com":null}}""",
        """{"auths":{"r.example.com":"x"}}""",
        """{"auths":{"r.example.com":{"auth":null,"identitytoken":5}}}""",
        """{"auths":{"r.example.com:5000":{"auth":"dTpw"},"example.com":{"auth":"dTpw"},"r.example.com/bb":{"auth":"dTpw"}}}""",
        """{"credHelpers":{"r.example.com":""},"credsStore":"desktop"}""",
        """{"credHelpers":{"r.example.com":null},"credsStore":"desktop"}""",
    ]:
        asserts.equals(env, None, _found(text, "r.example.com/b"), text)
    for text, expected in [
        ("""{"auths":{"r.example.com":{"auth":"dTpw"}}}""", "encoded  dTpw"),
        ("\357\273\277" + """{"auths":{"r.example.com":{"auth":"dTpw"}}}""", "encoded  dTpw"),
        ("""{"Auths":{"https://R.example.com/v1/":{"Auth":" dT\\npw\\r\\n"}}}""", "encoded  dTpw"),
        ("""{"auths":{"https://r.example.com/x":{"auth":"x"},"r.example.com":{"auth":"dTpw"}}}""", "encoded  dTpw"),
        ("""{"auths":{"r.example.com":{},"https://r.example.com/x":{"auth":"dTpw"}}}""", "encoded  dTpw"),
        ("""{"auths":{"r.example.com":{"username":"u","password":"p:q"}}}""", "basic u p:q"),
        ("""{"auths":{"r.example.com":{"auth":"x","identitytoken":"i"}}}""", "identity  i"),
        ("""{"auths":{"r.example.com":{"registrytoken":"t"}}}""", "token  t"),
        ("""{"auths":{"r.example.com":{"auth":"x"},"r.example.com/b":{"auth":"dTpw"}}}""", "encoded  dTpw"),
        ("""{"auths":{"r.example.com":{}},"credsStore":"desktop"}""", "helper desktop"),
        ("""{"credSstore":"desktop"}""", "helper desktop"),
        ("""{"auths":{"r.example.com":{"auth":"x"}},"credHelpers":{"r.example.com":"pass"},"credsStore":"desktop"}""", "helper pass"),
    ]:
        asserts.equals(env, expected, _found(text, "r.example.com/b"), text)

    # Docker Hub, with its names.
    for repository in ["docker.io/a", "index.docker.io/a", "registry-1.docker.io/library/a"]:
        asserts.equals(env, ("docker.io", "library/a"), canonical_repository(repository))
        for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "https://registry-1.docker.io/v2/", "docker.io/library/a"]:
            asserts.equals(env, "encoded  dTpw", _found("""{"auths":{"%s":{"auth":"dTpw"}}}""" % key, repository), key)
        asserts.equals(env, None, _found("""{"auths":{"https://index.docker.io/v1/access-token":{"auth":"dTpw"}}}""", repository))
    asserts.equals(env, ("docker.io", "acme/a"), canonical_repository("index.docker.io/acme/a"))
    asserts.equals(env, ("localhost:5000", "a"), canonical_repository("localhost:5000/a"))

    # Who gives tokens, and what Bazel can send.
    for host, expected in {
        "acme.azurecr.io": ("https://acme.azurecr.io/oauth2/token", "acme.azurecr.io"),
        "azurecr.io": None,
        "docker.io": ("https://auth.docker.io/token", "registry.docker.io"),
        "europe-docker.pkg.dev": ("https://europe-docker.pkg.dev/v2/token", "europe-docker.pkg.dev"),
        "evilgcr.io": None,
        "r.example.com": None,
    }.items():
        asserts.equals(env, expected, token_server(host), host)
    identity = struct(kind = "identity", secret = "i", user = "")
    asserts.equals(env, None, authorization(None, "r.example.com"))
    asserts.equals(env, None, authorization(identity, "r.example.com"))
    asserts.equals(env, "i", authorization(identity, "acme.azurecr.io")["password"])
    return unittest.end(env)

credentials_test = unittest.make(_credentials_test_impl)
