"""`sums_test`: checked-in sums against those of the build."""

load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":run.bzl", "verbatim_run", "verbatim_test")

def _sums_text_impl(ctx):
    sums = ctx.attr.sums[SumsInfo]

    # The program finds the JSON beside the text.
    return [DefaultInfo(files = depset([sums.text]), runfiles = ctx.runfiles([sums.json]))]

sums_text = rule(
    implementation = _sums_text_impl,
    attrs = {
        "sums": attr.label(
            doc = "The sums.",
            mandatory = True,
            providers = [SumsInfo],
        ),
    },
    doc = "The text of sums as one file, for arguments that name it.",
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

    sums_text(
        name = name + ".actual",
        sums = sums,
        tags = tags + ["manual"],
        testonly = True,
        visibility = ["//visibility:private"],
    )
    verbatim_test(
        name = name,
        args = [
            "sums",
            "compare",
            "$(rootpath %s)" % expected,
            "$(rootpath :%s.actual)" % name,
            "--update-command='bazel run //%s:%s.update'" % (native.package_name(), name),
        ],
        data = [
            expected,
            ":%s.actual" % name,
        ],
        tags = tags,
        **(dict(size = "small") | kwargs)
    )
    verbatim_run(
        name = name + ".update",
        args = [
            "sums",
            "update",
            (label.package + "/" if label.package else "") + label.name,
            "$(rootpath :%s.actual)" % name,
        ],
        data = [":%s.actual" % name],
        tags = tags + ["manual"],
        testonly = True,
        **common
    )
