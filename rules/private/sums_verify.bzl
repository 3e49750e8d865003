"""`sums_verify`: is what registries serve what was built?"""

load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":checks.bzl", "check_exclusive", "check_one_of")
load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _verify_impl(ctx):
    if ctx.attr.only:
        check_one_of(ctx.label, "only", ctx.attr.only, ["files", "images"])
    check_exclusive(ctx.label, {"files": bool(ctx.attr.files), "only": ctx.attr.only == "images"})
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
    for option in ["accept", "only", "files"]:
        value = getattr(ctx.attr, option)
        if value:
            arguments.append("--%s=%s" % (option, value))
    return [run_program(ctx, arguments, files = files)]

verify_program = rule(
    implementation = _verify_impl,
    attrs = {
        "accept": attr.string(
            doc = "A weaker verdict that is enough.",
        ),
        "files": attr.string(
            doc = "Where the files of the sums are.",
        ),
        "key": attr.label(
            doc = "A public key.",
            allow_single_file = True,
        ),
        "mirrors": attr.string_dict(
            doc = "From a prefix of references to that of a mirror.",
        ),
        "only": attr.string(
            doc = "The part of the sums that is looked at.",
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

def sums_verify(name, sums, args = [], key = None, signature = None, mirrors = {}, plain_http = [], accept = None, only = None, files = None, tags = [], **kwargs):
    """Check what registries serve against sums: `bazel run :<name>`.

    Prints a line for each reference and exits with 0 only if everything is identical; 1: something differs or is missing; 3: something could not be
    checked. What follows `--` goes to `verbatim verify`: `bazel run :<name> -- --format=json`, or `kubectl get pods -A -o json | bazel run :<name> -- --pods -`.

    ```starlark
    sums_verify(
        name = "verify",
        sums = ":container_sums",
    )
    ```

    Sums of images and files have two sides, so they take two targets: one with `only = "images"`, and one with `only = "files"` and `files`. Without `only`,
    what was not looked at is `unchecked`, and the exit code 3.

    Args:
        name: the name of the target.
        sums: a target of `container_sums` or `file_sums`.
        args: further arguments of `verbatim verify`.
        key: a public key (cosign, minisign, SSH): the signature of the sums is checked first.
        signature: the signature of the sums, made with the key's other half.
        mirrors: from a prefix of references to the prefix under which they are asked for, such as `{"registry.example.com": "127.0.0.1:5000"}`.
        plain_http: hosts that may be asked by plain HTTP.
        accept: a weaker verdict that is enough: `same-image-id` or `same-content`.
        only: `images` or `files`: the part of the sums that is looked at; the other is left out, and the report says so.
        files: where the files of the sums are: a folder, or the address below which they are published, such as `https://example.com/releases/v1.2.3`.
        tags: tags of the target.
        **kwargs: attributes that all rules have, such as `visibility`.
    """
    verify_program(
        name = name,
        accept = accept,
        args = program_args(name) + args,
        files = files,
        key = key,
        mirrors = mirrors,
        only = only,
        plain_http = plain_http,
        signature = signature,
        sums = sums,
        tags = tags,
        **kwargs
    )
