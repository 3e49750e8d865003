"""What a shell and man(1) want to know of the program, written by the program itself."""

load("//rules/private:toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")  # buildifier: disable=bzl-visibility

def _program_page_impl(ctx):
    args = verbatim_args(ctx)
    if ctx.attr.shell:
        command = ["completions", ctx.attr.shell]
        output = ctx.actions.declare_file(ctx.label.name + "/" + ctx.attr.out)
    else:
        command = ["man"]
        output = ctx.actions.declare_directory(ctx.label.name)
    args.add_all([output], before_each = "--output", expand_directories = False)
    run_verbatim(
        ctx,
        command = command,
        args = [args],
        inputs = [],
        outputs = [output],
        mnemonic = "VerbatimPage",
        progress_message = "Writing %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

program_page = rule(
    implementation = _program_page_impl,
    attrs = {
        "out": attr.string(doc = "The name of the completions, as the shell wants it."),
        "shell": attr.string(doc = "For which shell; none: the manual pages, as a directory."),
    },
    doc = "Completions of a shell, or the manual pages of the program.",
    toolchains = [TOOLCHAIN_TYPE],
)
