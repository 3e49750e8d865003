"""`sums_verify`: is what registries serve what was built?"""

load(":run.bzl", "verbatim_run")
load(":sums_test.bzl", "sums_text")

def sums_verify(name, sums, args = [], key = None, signature = None, mirrors = {}, plain_http = [], accept = None, tags = [], **kwargs):
    """Check what registries serve against sums: `bazel run :<name>`.

    Prints a line for each reference and exits with 0 only if everything is identical; 1: something differs or is missing; 3: something could not be
    checked. What follows `--` goes to `verbatim verify`: `bazel run :<name> -- --format=json`, or `kubectl get pods -A -o json | bazel run :<name> -- --pods -`.

    ```starlark
    sums_verify(
        name = "verify",
        sums = ":container_sums",
    )
    ```

    Args:
        name: the name of the target.
        sums: a target of `container_sums` or `file_sums`.
        args: further arguments of `verbatim verify`.
        key: a public key (cosign, minisign, SSH): the signature of the sums is checked first.
        signature: the signature of the sums, made with the key's other half.
        mirrors: from a prefix of references to the prefix under which they are asked for, such as `{"registry.example.com": "127.0.0.1:5000"}`.
        plain_http: hosts that may be asked by plain HTTP.
        accept: a weaker verdict that is enough: `same-image-id` or `same-content`.
        tags: tags of the target.
        **kwargs: attributes that all rules have, such as `visibility`.
    """
    sums_text(
        name = name + ".sums",
        sums = sums,
        tags = tags + ["manual"],
        testonly = kwargs.get("testonly", False),
        visibility = ["//visibility:private"],
    )
    data = [":%s.sums" % name]
    options = []
    for option, file in [("key", key), ("signature", signature)]:
        if file:
            options.append("--%s=$(rootpath %s)" % (option, file))
            data.append(file)
    options.extend(["--mirror='%s=%s'" % pair for pair in mirrors.items()])
    options.extend(["--plain-http='%s'" % host for host in plain_http])
    if accept:
        options.append("--accept=" + accept)
    verbatim_run(
        name = name,
        args = ["verify", "$(rootpath :%s.sums)" % name] + options + args,
        data = data,
        tags = tags,
        **kwargs
    )
