"""Whether a build is stamped, that is, may hold what differs from one invocation to the next."""

StampInfo = provider(
    doc = "The flag `--stamp`.",
    fields = {"enabled": "bool: whether it was given."},
)

def _stamp_flag_impl(ctx):
    return [StampInfo(enabled = ctx.attr.enabled)]

stamp_flag = rule(
    implementation = _stamp_flag_impl,
    attrs = {"enabled": attr.bool(doc = "Whether `--stamp` was given.")},
    doc = "Hands on what `select` finds out about `--stamp`.",
)

STAMP_ATTRS = {
    "stamp": attr.int(
        doc = "Whether `{KEY}` may name a value of the workspace status (`--workspace_status_command`, `BUILD_EMBED_LABEL` and so on): " +
              "1 always, 0 never, -1 with the flag `--stamp`.",
        default = -1,
        values = [-1, 0, 1],
    ),
    "_stamp_flag": attr.label(
        default = "//rules/private:stamp_flag",
        providers = [StampInfo],
    ),
}

def status_files(ctx):
    """Say which files hold the workspace status.

    Args:
        ctx: the context of a rule with `STAMP_ATTRS`.

    Returns:
        A list of Files; empty where the target is not stamped.
    """
    if ctx.attr.stamp == 1 or (ctx.attr.stamp == -1 and ctx.attr._stamp_flag[StampInfo].enabled):
        return [ctx.info_file, ctx.version_file]
    return []
