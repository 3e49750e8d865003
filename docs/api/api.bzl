"""The reference of a Starlark file as Markdown, and the test that it is the checked-in one."""

load("@bazel_skylib//rules:diff_test.bzl", "diff_test")
load("@bazel_skylib//rules:run_binary.bzl", "run_binary")

def api_reference(name, src):
    """Render the reference of a file and compare it with `<name>.md`.

    Args:
        name: the name of the Markdown file without its ending.
        src: the Starlark file.
    """
    native.starlark_doc_extract(
        name = name + ".doc",
        src = src,
        tags = ["manual"],
        deps = ["//rules:bzl"],
    )
    run_binary(
        name = name + ".rendered",
        srcs = [":" + name + ".doc"],
        outs = [name + ".rendered.md"],
        args = [
            "$(execpath :%s.doc)" % name,
            "$(execpath %s.rendered.md)" % name,
        ],
        tags = ["manual"],
        tool = "//docs/api/render",
    )
    diff_test(
        name = name + "_test",
        size = "small",
        failure_message = "Take the new text over: cp bazel-bin/docs/api/%s.rendered.md docs/api/%s.md" % (name, name),
        file1 = name + ".md",
        file2 = ":" + name + ".rendered",
    )
