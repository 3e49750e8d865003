"""The program itself as a test, or as what `bazel run` runs."""

load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_tool")

def _run_impl(ctx):
    # The program itself under another name; Bazel gives it the target's `args`.
    tool = verbatim_tool(ctx).executable
    executable = ctx.actions.declare_file(ctx.label.name + (".exe" if tool.extension == "exe" else ""))
    ctx.actions.symlink(output = executable, target_file = tool, is_executable = True)
    runfiles = ctx.runfiles(files = ctx.files.data + [tool])
    runfiles = runfiles.merge_all([target[DefaultInfo].default_runfiles for target in ctx.attr.data])
    return [DefaultInfo(executable = executable, runfiles = runfiles)]

_RUN = {
    "attrs": {
        "data": attr.label_list(
            doc = "The files that `args` name.",
            allow_files = True,
        ),
    },
    "implementation": _run_impl,
    "toolchains": [TOOLCHAIN_TYPE],
}

verbatim_test = rule(
    doc = "Runs the program with `args` as a test.",
    test = True,
    **_RUN
)

verbatim_run = rule(
    doc = "Runs the program with `args`, for `bazel run`.",
    executable = True,
    **_RUN
)
