"""Where what is run takes the layers of images from: files among its runfiles, or the build's cache."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")

visibility(["//rules/..."])

PUSH_FROM_ATTRS = {
    "_push_from": attr.label(
        default = "//rules/settings:push_from",
        providers = [BuildSettingInfo],
    ),
}

def from_cache(ctx):
    """Say whether the bytes of layers stay in the build's cache.

    Args:
        ctx: the context of a rule with `PUSH_FROM_ATTRS`.

    Returns:
        A bool.
    """
    return ctx.attr._push_from[BuildSettingInfo].value == "cache"
