"""The target platform in the words of OCI."""

load("//rules/private:checks.bzl", "fail_at")

TargetPlatformInfo = provider(
    doc = "The target platform in the words of OCI (which are those of Go's GOOS and GOARCH).",
    fields = {
        "architecture": "string: such as `amd64`; empty where no constraint says it.",
        "os": "string: such as `linux`; empty where no constraint says it.",
        "variant": "string: such as `v7`; empty for most.",
    },
)

def _target_platform_impl(ctx):
    return [TargetPlatformInfo(
        architecture = ctx.attr.architecture,
        os = ctx.attr.os,
        variant = ctx.attr.variant,
    )]

target_platform = rule(
    implementation = _target_platform_impl,
    attrs = {
        "architecture": attr.string(doc = "OCI's name of the architecture."),
        "os": attr.string(doc = "OCI's name of the operating system."),
        "variant": attr.string(doc = "OCI's name of the architecture's variant."),
    },
    doc = "Hands on what `select` finds out about the target platform.",
)

PLATFORM_ATTRS = {
    "architecture": attr.string(
        doc = "The architecture in the words of OCI, such as `amd64` or `arm64`; by default that of the target platform.",
    ),
    "os": attr.string(
        doc = "The operating system in the words of OCI, such as `linux`; by default that of the target platform.",
    ),
    "variant": attr.string(
        doc = "The architecture's variant, such as `v7` of `arm`; by default that of the target platform, which most have none of.",
    ),
    "_target_platform": attr.label(
        default = "//rules/private/platform:target",
        providers = [TargetPlatformInfo],
    ),
}

def _check_word(label, attribute, word):
    for c in word.elems():
        if not (c.isalnum() and c == c.lower()) and c not in "._-":
            fail_at(label, attribute, "{} is not a word of OCI's platforms; write for example \"{}\".".format(
                repr(word),
                {"architecture": "arm64", "os": "linux", "variant": "v8"}[attribute],
            ))

def resolve_platform(ctx):
    """Say for which platform an image is.

    Args:
        ctx: the context of a rule with `PLATFORM_ATTRS`.

    Returns:
        A struct with the strings `os`, `architecture` and `variant`.
    """
    target = ctx.attr._target_platform[TargetPlatformInfo]
    given = struct(architecture = ctx.attr.architecture, os = ctx.attr.os, variant = ctx.attr.variant)
    for attribute in ["os", "architecture", "variant"]:
        _check_word(ctx.label, attribute, getattr(given, attribute))
    if given.variant and not given.architecture and not target.architecture:
        fail_at(ctx.label, "variant", "has no architecture; give `architecture` too.")
    os = given.os or target.os
    architecture = given.architecture or target.architecture
    if not os:
        fail_at(ctx.label, "os", "the target platform has no constraint of @platforms//os that OCI has a name for; say the `os`.")
    if not architecture:
        fail_at(ctx.label, "architecture", "the target platform has no constraint of @platforms//cpu that OCI has a name for; say the `architecture`.")
    return struct(
        architecture = architecture,
        os = os,
        # The target platform's variant is one of its own architecture.
        variant = given.variant or (target.variant if not given.architecture or given.architecture == target.architecture else ""),
    )

def platform_text(platform):
    """Write a platform as OCI tools do.

    Args:
        platform: a struct of `resolve_platform`.

    Returns:
        `os/architecture` or `os/architecture/variant`.
    """
    return "/".join([platform.os, platform.architecture] + ([platform.variant] if platform.variant else []))
