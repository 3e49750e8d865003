"""`sums_verify`: is what registries serve what was built?"""

load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _verify_impl(ctx):
    sums = ctx.attr.sums[SumsInfo]
    arguments = ["verify", operand(runfiles_path(sums.text))]

    # The program finds the JSON beside the text.
    files = [sums.text, sums.json]
    for option in ["key", "signature"]:
        file = getattr(ctx.file, option)
        if file:
            arguments.append("--%s=%s" % (option, runfiles_path(file)))
            files.append(file)
    arguments.extend(["--mirror=%s=%s" % pair for pair in ctx.attr.mirrors.items()])
    arguments.extend(["--plain-http=" + host for host in ctx.attr.plain_http])
    if ctx.attr.accept:
        arguments.append("--accept=" + ctx.attr.accept)
    return [run_program(ctx, arguments, files = files)]

verify_program = rule(
    implementation = _verify_impl,
    attrs = {
        "accept": attr.string(
            doc = "A weaker verdict that is enough.",
        ),
        "key": attr.label(
            doc = "A public key.",
            allow_single_file = True,
        ),
        "mirrors": attr.string_dict(
            doc = "From a prefix of references to that of a mirror.",
        ),
        "plain_http": attr.string_list(
            doc = "Hosts that may be asked by plain HTTP.",
        ),
        "signature": attr.label(
            doc = "The signature of the sums.",
            allow_single_file = True,
        ),
        "sums": attr.label(
            doc = "The sums.",
            mandatory = True,
            providers = [SumsInfo],
        ),
    },
    doc = "`verbatim verify` with sums.",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

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
    verify_program(
        name = name,
        accept = accept,
        args = program_args(name) + args,
        key = key,
        mirrors = mirrors,
        plain_http = plain_http,
        signature = signature,
        sums = sums,
        tags = tags,
        **kwargs
    )
