"""Documents of a registry while repositories are fetched: with Bazel's own downloader, so that no program is needed.

Bazel shows no headers of an answer, so where a registry wants a token its token server cannot be learnt from it: the well-known ones stand in a
table. Everything is asked for by its digest and checked by Bazel against it.

Credentials are found where the program finds them (docs/registries.md), as far as Bazel's downloader can use them: it asks by GET only, so an identity
token is of use where it is a password too.
"""

load("@bazel_skylib//lib:paths.bzl", "paths")

# Docker Hub, the one registry with several names: that of references, and the host that serves its API.
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_DOCKER_HUB_NAMES = [_DOCKER_HUB, "index.docker.io", _DOCKER_HUB_API]

# What `docker login` calls it, and so do credential helpers.
_DOCKER_HUB_LOGIN = "https://index.docker.io/v1/"

# Where anonymous or named users get a token: from a registry, or from how its name ends, to URL and service.
_TOKEN_SERVERS = {
    ".azurecr.io": ("https://{host}/oauth2/token", "{host}"),
    ".gcr.io": ("https://{host}/v2/token", "{host}"),
    ".pkg.dev": ("https://{host}/v2/token", "{host}"),
    "docker.io": ("https://auth.docker.io/token", "registry.docker.io"),
    "gcr.io": ("https://gcr.io/v2/token", "gcr.io"),
    "ghcr.io": ("https://ghcr.io/token", "ghcr.io"),
    "public.ecr.aws": ("https://public.ecr.aws/token/", "public.ecr.aws"),
    "quay.io": ("https://quay.io/v2/auth", "quay.io"),
    "registry.gitlab.com": ("https://gitlab.com/jwt/auth", "container_registry"),
}

# The user whose password at Azure's registries is an identity token.
_AZURE_TOKEN_USER = "00000000-0000-0000-0000-000000000000"

# What editors of Windows put before the first byte.
_BYTE_ORDER_MARK = "\357\273\277"

# How long a credential helper has, in seconds.
_HELPER_TIMEOUT = 30

MANIFEST_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]

def is_loopback(host):
    """Say whether a registry is on this machine.

    Args:
        host: string, with a port where it has one.

    Returns:
        bool.
    """
    if host == "[::1]" or host.startswith("[::1]:"):
        return True
    name = host.partition(":")[0]
    numbers = name.split(".")
    return name == "localhost" or (numbers[0] == "127" and len(numbers) == 4 and all([number.isdigit() for number in numbers]))

def split_repository(repository):
    """Split a repository into host and name.

    Args:
        repository: string, `registry/name`.

    Returns:
        A pair of strings; None where it is no repository with a registry in front.
    """
    host, _, name = repository.partition("/")
    if not name or not ("." in host or ":" in host or host == "localhost"):
        return None
    return host, name

def is_plain_http(repository, plain_http):
    """Say whether a repository is asked by plain HTTP.

    Args:
        repository: string, `registry/name`.
        plain_http: list of hosts that may be asked by plain HTTP.

    Returns:
        bool.
    """
    host = split_repository(repository)[0]
    return host in plain_http or is_loopback(host)

def canonical_repository(repository):
    """The one name of a repository: Docker Hub has several, and so have the images of its `library`.

    Args:
        repository: string, `registry/name`.

    Returns:
        A pair of strings, registry and name.
    """
    host, name = split_repository(repository)
    if host.lower() in _DOCKER_HUB_NAMES:
        return _DOCKER_HUB, (name if "/" in name else "library/" + name)
    return host, name

def _canonical_host(host):
    host = host.lower()
    return _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host

def _canonical_key(key):
    """A key of `auths` or `credHelpers` as it is compared: `host[/path]`, of an address the host; None for what is no registry's."""
    bare = key.removeprefix("https://").removeprefix("http://")
    address = bare != key
    host, _, path = bare.rstrip("/").partition("/")
    if address and path in ["v1/access-token", "v1/refresh-token"]:
        return None
    if address or path in ["", "v1", "v2"]:
        return _canonical_host(host)
    return _canonical_host(host) + "/" + path

def _member(object, name, type_name):
    """A member of an object, whatever the case of its name; None where it is not of that type."""
    found = object.get(name)
    if found == None:
        for key, value in object.items():
            if key.lower() == name.lower():
                found = value
    return found if type(found) == type_name else None

def docker_config(text):
    """Read a file of credentials of Docker or Podman as Docker does: what is empty, null or of another kind says nothing.

    Args:
        text: the file.

    Returns:
        A struct of `auths` (from `host[/path]` to an object), `helpers` (from a host to a program's name) and `store` (a program's name, or ""); None where it is no JSON.
    """
    text = text.removeprefix(_BYTE_ORDER_MARK).strip()
    config = json.decode(text, default = "") if text else {}
    if config == "":
        return None
    if type(config) != "dict":
        config = {}
    auths = {}

    # Plain names and Docker's own addresses before others of the same host.
    entries = (_member(config, "auths", "dict") or {}).items()
    for last in [False, True]:
        for key, value in entries:
            more = "://" in key and key.rstrip("/").count("/") > 2 and key.rstrip("/").rpartition("/")[2] not in ["v1", "v2"]
            name = _canonical_key(key)
            if name and type(value) == "dict" and more == last and not auths.get(name):
                auths[name] = value
    helpers = {}
    for key, value in (_member(config, "credHelpers", "dict") or {}).items():
        name = _canonical_key(key)
        if name:
            helpers[name] = value if type(value) == "string" else ""
    return struct(
        auths = auths,
        helpers = helpers,
        store = _member(config, "credsStore", "string") or "",
    )

def entry_credential(entry):
    """What an entry of `auths`, or the answer of a credential helper, says.

    Args:
        entry: an object with `auth`, `username`, `password`, `identitytoken`, `registrytoken`, or with `Username` and `Secret`.

    Returns:
        A struct of `kind` (`basic`, `encoded`, `identity` or `token`), `user` and `secret`; None where it says nothing.
    """
    texts = {
        name: _member(entry, name, "string") or ""
        for name in ["auth", "username", "password", "secret", "identitytoken", "registrytoken"]
    }
    if texts["registrytoken"]:
        return struct(kind = "token", user = "", secret = texts["registrytoken"])
    identity = texts["identitytoken"] or (texts["secret"] if texts["username"] == "<token>" else "")
    if identity:
        return struct(kind = "identity", user = "", secret = identity)

    # Some programs break base64 into lines.
    auth = "".join([c for c in texts["auth"].elems() if c.strip()])
    if auth:
        return struct(kind = "encoded", user = "", secret = auth)
    secret = texts["password"] or texts["secret"]
    if texts["username"] and secret:
        return struct(kind = "basic", user = texts["username"], secret = secret)
    return None

def find_credential(config, host, name):
    """What a file of credentials knows of a repository.

    Args:
        config: what `docker_config` gives.
        host: the registry's one name.
        name: the repository's one name in it.

    Returns:
        A struct of `helper`, the name of a program to ask (or ""), and `credential`, what `entry_credential` gives; None where it knows nothing.
    """
    if config.helpers.get(host):
        return struct(helper = config.helpers[host], credential = None)
    parts = [host] + name.split("/")
    for length in range(len(parts), 0, -1):
        entry = config.auths.get("/".join(parts[:length]))
        credential = entry_credential(entry) if entry else None
        if credential:
            return struct(helper = "", credential = credential)

    # An empty helper for a host means: not the store.
    if config.store and host not in config.helpers:
        return struct(helper = config.store, credential = None)
    return None

def _warn(text):
    # Fetching goes on, for the registry may need no credential.
    print(text)  # buildifier: disable=print

def _configs(rctx):
    """The files of Docker and Podman, what the user named first."""
    home = rctx.getenv("HOME") or ""
    candidates = [rctx.getenv("REGISTRY_AUTH_FILE")]
    for folder, file in [
        (rctx.getenv("DOCKER_CONFIG"), "config.json"),
        (rctx.getenv("XDG_RUNTIME_DIR"), "containers/auth.json"),
        (rctx.getenv("XDG_CONFIG_HOME") or (home and paths.join(home, ".config")), "containers/auth.json"),
        (home and paths.join(home, ".docker"), "config.json"),
    ]:
        candidates.append(paths.join(folder, file) if folder else None)
    configs = []
    for candidate in candidates:
        if not candidate:
            continue
        path = rctx.path(candidate)
        if not path.exists or path.is_dir:
            continue
        config = docker_config(rctx.read(path, watch = "no"))
        if config:
            configs.append(config)
        else:
            _warn("{} is no JSON and is passed over; mend or remove it.".format(candidate))
    return configs

def _ask_helper(rctx, name, host):
    """What `docker-credential-NAME get` says of a registry; None where it knows nothing."""
    program = "docker-credential-" + name
    if [c for c in name.elems() if not c.isalnum() and c not in "-_."]:
        _warn("`{}` is not the name of a credential helper.".format(name))
        return None
    found = rctx.which(program)
    shell = rctx.which("sh")
    if not found or not shell:
        _warn("{}, which a file of credentials names for {}, is not on the PATH.".format(program, host))
        return None

    # Bazel gives a program no standard input; neither the question nor the answer is secret to the one or shown by the other.
    question = "credential-question"
    rctx.file(question, (_DOCKER_HUB_LOGIN if host == _DOCKER_HUB else host) + "\n")
    answer = rctx.execute([shell, "-c", 'exec "$1" get <"$2"', "sh", found, question], quiet = True, timeout = _HELPER_TIMEOUT)
    rctx.delete(question)
    if answer.return_code != 0:
        if "credentials not found" not in answer.stdout.lower():
            _warn("{} failed for {}; run it by hand to see why.".format(program, host))
        return None
    entry = json.decode(answer.stdout.strip(), default = None)
    return entry_credential(entry) if type(entry) == "dict" else None

def token_server(host):
    """Where a registry's tokens come from.

    Args:
        host: the registry's one name.

    Returns:
        A pair of strings, URL and service; None where it is not known.
    """
    for key, (url, service) in _TOKEN_SERVERS.items():
        if host == key or (key.startswith(".") and host.endswith(key)):
            return url.format(host = host), service.format(host = host)
    return None

def _header(scheme, secret):
    return {"type": "pattern", "pattern": scheme + " <password>", "password": secret, "login": ""}

def authorization(credential, host):
    """What a credential is to Bazel's downloader.

    Args:
        credential: what `entry_credential` gives, or None.
        host: the registry's one name.

    Returns:
        A dict as in `auth` of `rctx.download`; None where there is nothing that it can use.
    """
    if not credential:
        return None
    if credential.kind == "token":
        return _header("Bearer", credential.secret)
    if credential.kind == "encoded":
        return _header("Basic", credential.secret)
    if credential.kind == "basic":
        return {"type": "basic", "login": credential.user, "password": credential.secret}
    if credential.kind == "identity" and host.endswith(".azurecr.io"):
        return {"type": "basic", "login": _AZURE_TOKEN_USER, "password": credential.secret}
    return None

def _bearer(rctx, server, name, own):
    """A token for a repository of a registry with a known token server; None where there is none."""
    url = "{}?service={}&scope=repository:{}:pull".format(server[0], server[1], name)
    got = rctx.download(url, "token.json", auth = {url: own} if own else {}, allow_fail = True)
    if not got.success:
        return None
    answer = json.decode(rctx.read("token.json"), default = None)
    rctx.delete("token.json")
    if type(answer) != "dict":
        return None
    return _member(answer, "token", "string") or _member(answer, "access_token", "string")

def registry_client(rctx, repositories, plain_http):
    """Ask registries for documents.

    Args:
        rctx: the context of a repository rule.
        repositories: list of strings `registry/name`, tried in order.
        plain_http: list of hosts that may be asked by plain HTTP.

    Returns:
        A function `get(path, output, digest)`: downloads `/v2/<name>/<path>` into a file and returns its digest; `digest` may be None.
    """
    configs = _configs(rctx)
    answers = {}
    headers_of = {}

    def credential_of(host, name):
        for config in configs:
            found = find_credential(config, host, name)
            if found and found.helper:
                key = (found.helper, host)
                if key not in answers:
                    answers[key] = _ask_helper(rctx, found.helper, host)
                if answers[key]:
                    return answers[key]
            elif found:
                return found.credential
        return None

    def header_of(repository):
        """How a repository is asked: found once, for a helper may ask a human."""
        if repository not in headers_of:
            host, name = canonical_repository(repository)
            credential = credential_of(host, name)
            own = authorization(credential, host)
            server = token_server(host)
            if server and not (credential and credential.kind == "token"):
                token = _bearer(rctx, server, name, own)
                own = _header("Bearer", token) if token else None
            headers_of[repository] = own
        return headers_of[repository]

    def attempt(repository, path, output, sha256, fail_loudly):
        host, name = canonical_repository(repository)
        scheme = "http" if is_plain_http(repository, plain_http) else "https"
        url = "{}://{}/v2/{}/{}".format(scheme, _DOCKER_HUB_API if host == _DOCKER_HUB else host, name, path)
        headers = {"Accept": MANIFEST_TYPES if path.startswith("manifests/") else ["*/*"]}
        own = header_of(repository)
        return rctx.download(url, output, sha256 = sha256, headers = headers, auth = {url: own} if own else {}, allow_fail = not fail_loudly)

    def get(path, output, digest):
        sha256 = digest.removeprefix("sha256:") if digest else ""
        for repository in repositories[:-1]:
            got = attempt(repository, path, output, sha256, False)
            if got.success:
                return "sha256:" + got.sha256
        return "sha256:" + attempt(repositories[-1], path, output, sha256, True).sha256

    return get
