"""Golden tests: real outputs against checked-in files."""

load("@bazel_skylib//rules:diff_test.bzl", "diff_test")
load("@rules_shell//shell:sh_test.bzl", "sh_test")
load("//rules/private:run.bzl", "verbatim_test")

def listing_test(name, layer, expected):
    """Compare what GNU tar finds in a layer with a checked-in listing.

    Args:
        name: the name of the test.
        layer: the layer.
        expected: the listing.
    """
    sh_test(
        name = name,
        size = "small",
        srcs = ["listing_test.sh"],
        args = [
            "$(rootpath %s)" % expected,
            "$(rootpath %s)" % layer,
        ],
        data = [
            expected,
            layer,
        ],
    )

def output_test(name, target, output_group, expected):
    """Compare an output with a checked-in file.

    Args:
        name: the name of the test.
        target: the target.
        output_group: the output group, of one file.
        expected: the checked-in file.
    """
    native.filegroup(
        name = name + ".actual",
        testonly = True,
        srcs = [target],
        output_group = output_group,
    )
    diff_test(
        name = name,
        size = "small",
        file1 = expected,
        file2 = ":" + name + ".actual",
    )

def same_output_test(name, targets, output_group):
    """Compare an output of two targets.

    Args:
        name: the name of the test.
        targets: two targets.
        output_group: the output group, of one file.
    """
    for i, target in enumerate(targets):
        native.filegroup(
            name = "%s.%d" % (name, i),
            testonly = True,
            srcs = [target],
            output_group = output_group,
        )
    diff_test(
        name = name,
        size = "small",
        file1 = ":%s.0" % name,
        file2 = ":%s.1" % name,
    )

def layout_test(name, image):
    """Check an image's layout as it lies in the runfiles of another target: every blob, every digest.

    Args:
        name: the name of the test.
        image: the image.
    """
    verbatim_test(
        name = name,
        size = "small",
        arguments = [
            "layout",
            "check",
        ],
        operands = [image],
    )
