"""Documents of a registry while repositories are fetched: with Bazel's own downloader, so that no program is needed.

Bazel shows no headers of an answer, so where a registry wants a token its token server cannot be learnt from it: the well-known ones stand in a
table. Everything is asked for by its digest and checked by Bazel against it.
"""

load("@bazel_skylib//lib:paths.bzl", "paths")

# The host that serves a registry's API, where that is another one.
_API_HOSTS = {
    "docker.io": "registry-1.docker.io",
    "index.docker.io": "registry-1.docker.io",
}

# Where anonymous or named users get a token: from a registry to URL and service.
_TOKEN_SERVERS = {
    "docker.io": ("https://auth.docker.io/token", "registry.docker.io"),
    "gcr.io": ("https://gcr.io/v2/token", "gcr.io"),
    "ghcr.io": ("https://ghcr.io/token", "ghcr.io"),
    "index.docker.io": ("https://auth.docker.io/token", "registry.docker.io"),
    "public.ecr.aws": ("https://public.ecr.aws/token/", "public.ecr.aws"),
    "quay.io": ("https://quay.io/v2/auth", "quay.io"),
    "registry.gitlab.com": ("https://gitlab.com/jwt/auth", "container_registry"),
}

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

def _docker_auths(rctx):
    """What Docker's and Podman's files know of registries: from a host to the base64 of `user:password`."""
    auths = {}
    home = rctx.getenv("HOME") or ""
    candidates = [rctx.getenv("REGISTRY_AUTH_FILE")]
    for folder, file in [
        (rctx.getenv("DOCKER_CONFIG"), "config.json"),
        (rctx.getenv("XDG_RUNTIME_DIR"), "containers/auth.json"),
        (home and paths.join(home, ".config"), "containers/auth.json"),
        (home and paths.join(home, ".docker"), "config.json"),
    ]:
        candidates.append(paths.join(folder, file) if folder else None)
    for candidate in candidates:
        if not candidate:
            continue
        path = rctx.path(candidate)
        if not path.exists:
            continue
        config = json.decode(rctx.read(path, watch = "no"), default = None)
        if type(config) != "dict":
            continue
        for key, value in (config.get("auths") or {}).items():
            if type(value) == "dict" and value.get("auth"):
                auths.setdefault(key.removeprefix("https://").removesuffix("/").removesuffix("/v1").removesuffix("/v2"), value["auth"])
    return auths

def _bearer(rctx, host, name, auths):
    """A token for a repository of a registry with a known token server; None where there is none."""
    server = _TOKEN_SERVERS.get(host)
    if not server:
        return None
    url = "{}?service={}&scope=repository:{}:pull".format(server[0], server[1], name)
    auth = {}
    if host in auths:
        auth[url] = {"type": "pattern", "pattern": "Basic <password>", "password": auths[host], "login": ""}
    got = rctx.download(url, "token.json", auth = auth, allow_fail = True)
    if not got.success:
        return None
    answer = json.decode(rctx.read("token.json"), default = {})
    rctx.delete("token.json")
    return answer.get("token") or answer.get("access_token")

def registry_client(rctx, repositories, plain_http):
    """Ask registries for documents.

    Args:
        rctx: the context of a repository rule.
        repositories: list of strings `registry/name`, tried in order.
        plain_http: list of hosts that may be asked by plain HTTP.

    Returns:
        A function `get(path, output, digest)`: downloads `/v2/<name>/<path>` into a file and returns its digest; `digest` may be None.
    """
    auths = _docker_auths(rctx)
    tokens = {}

    def attempt(repository, path, output, sha256, fail_loudly):
        host, name = split_repository(repository)
        scheme = "http" if is_plain_http(repository, plain_http) else "https"
        url = "{}://{}/v2/{}/{}".format(scheme, _API_HOSTS.get(host, host), name, path)
        headers = {"Accept": MANIFEST_TYPES if path.startswith("manifests/") else ["*/*"]}
        ways = []
        if repository in tokens:
            ways.append({url: {"type": "pattern", "pattern": "Bearer <password>", "password": tokens[repository], "login": ""}})
        elif host in auths and host not in _TOKEN_SERVERS:
            ways.append({url: {"type": "pattern", "pattern": "Basic <password>", "password": auths[host], "login": ""}})
        elif host in _TOKEN_SERVERS:
            token = _bearer(rctx, host, name, auths)
            if token:
                tokens[repository] = token
                ways.append({url: {"type": "pattern", "pattern": "Bearer <password>", "password": token, "login": ""}})
        if not ways:
            ways.append({})
        return rctx.download(url, output, sha256 = sha256, headers = headers, auth = ways[0], allow_fail = not fail_loudly)

    def get(path, output, digest):
        sha256 = digest.removeprefix("sha256:") if digest else ""
        for repository in repositories[:-1]:
            got = attempt(repository, path, output, sha256, False)
            if got.success:
                return "sha256:" + got.sha256
        return "sha256:" + attempt(repositories[-1], path, output, sha256, True).sha256

    return get
