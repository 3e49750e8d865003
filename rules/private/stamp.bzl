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
        doc = "Whether `{KEY}` may name a stable key of the workspace status (`STABLE_…` of `--workspace_status_command`, `BUILD_EMBED_LABEL`, `BUILD_HOST`, " +
              "`BUILD_USER`): 1 always, 0 never, -1 with the flag `--stamp`. When another key changes, Bazel runs no action again, so none may stand in a reference.",
        default = -1,
        values = [-1, 0, 1],
    ),
    "_stamp_flag": attr.label(
        default = "//rules/private:stamp_flag",
        providers = [StampInfo],
    ),
}

# What Bazel itself puts beside the keys of `STABLE_`. When the value of any other key changes, it pretends that nothing did.
_STABLE = ["BUILD_EMBED_LABEL", "BUILD_HOST", "BUILD_USER"]

def status_files(ctx):
    """Say which files hold the workspace status: the stable keys, and never the volatile ones.

    Args:
        ctx: the context of a rule with `STAMP_ATTRS`.

    Returns:
        A list of Files; empty where the target is not stamped.
    """
    if ctx.attr.stamp == 1 or (ctx.attr.stamp == -1 and ctx.attr._stamp_flag[StampInfo].enabled):
        return [ctx.info_file]
    return []

def keys_problem(text, flags):
    """What is wrong with the keys in a text.

    Args:
        text: a text in which `{KEY}` stands for a value.
        flags: dict whose keys have values of their own; None where the rule has no such attribute.

    Returns:
        A sentence, or None.
    """
    for piece in text.split("{")[1:]:
        key, brace, _ = piece.partition("}")
        if not brace:
            return "{} opens a brace and does not close it.".format(repr(text))
        if key in (flags or {}) or key in _STABLE or key.startswith("STABLE_"):
            continue
        neither = "no" if flags == None else "neither a key of `flags` nor a"
        return ("{text} asks for {{{key}}}, which is {neither} stable key of the workspace status: when another one changes, Bazel " +
                "runs no action again, so that an old value would stay; let --workspace_status_command print it as STABLE_{key}.").format(
            text = repr(text),
            key = key,
            neither = neither,
        )
    return None
