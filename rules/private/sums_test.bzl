"""`sums_test`: checked-in sums against those of the build."""

load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program", "shell_word")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

_SUMS_ATTR = {
    "sums": attr.label(
        doc = "The sums of the build.",
        mandatory = True,
        providers = [SumsInfo],
    ),
}

def _comparison_impl(ctx):
    sums = ctx.attr.sums[SumsInfo]
    return [run_program(
        ctx,
        [
            "sums",
            "compare",
            "--update-command=" + ctx.attr.update_command,
            operand(runfiles_path(ctx.file.expected)),
            operand(runfiles_path(sums.text)),
        ],
        # The program finds the JSON beside the text.
        files = [ctx.file.expected, sums.text, sums.json],
    )]

sums_comparison_test = rule(
    implementation = _comparison_impl,
    attrs = _SUMS_ATTR | {
        "expected": attr.label(
            doc = "The checked-in file.",
            allow_single_file = True,
            mandatory = True,
        ),
        "update_command": attr.string(
            doc = "What a person types to accept the sums of the build.",
        ),
    },
    doc = "Compares sums with a checked-in file.",
    test = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def _update_impl(ctx):
    sums = ctx.attr.sums[SumsInfo]
    return [run_program(
        ctx,
        ["sums", "update", operand(ctx.attr.path), operand(runfiles_path(sums.text))],
        files = [sums.text, sums.json],
    )]

sums_update = rule(
    implementation = _update_impl,
    attrs = _SUMS_ATTR | {
        "path": attr.string(
            doc = "The checked-in file, in the workspace. A text, for it need not exist yet.",
        ),
    },
    doc = "Writes sums into the workspace.",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def sums_test(name, sums, expected, **kwargs):
    """Compare the sums of the build with a file in the workspace.

    `bazel test :<name>` fails with a table of what differs; `bazel run :<name>.update` writes the file anew, and creates it where it does not exist
    (Bazel wants it to exist before it can run the test: start with an empty one).

    Args:
        name: the name of the test.
        sums: a target of `container_sums` or `file_sums`.
        expected: the checked-in file, a source file of this package or of another one.
        **kwargs: attributes that all tests have, such as `size`, `tags` and `visibility`.
    """
    common = {key: value for key, value in kwargs.items() if key in ["compatible_with", "target_compatible_with", "visibility"]}
    tags = kwargs.pop("tags", [])
    label = native.package_relative_label(expected)
    if label.repo_name != native.package_relative_label(":x").repo_name:
        fail("//{}:{}: attribute `expected`: {} is not a file of this workspace; check one in.".format(native.package_name(), name, label))

    sums_comparison_test(
        name = name,
        args = program_args(name),
        expected = expected,
        sums = sums,
        tags = tags,
        update_command = "bazel run " + shell_word("//%s:%s.update" % (native.package_name(), name)),
        **(dict(size = "small") | kwargs)
    )
    sums_update(
        name = name + ".update",
        args = program_args(name + ".update"),
        path = (label.package + "/" if label.package else "") + label.name,
        sums = sums,
        tags = tags + ["manual"],
        testonly = True,
        **common
    )
