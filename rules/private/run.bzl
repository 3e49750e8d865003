"""The program as a test, or as what `bazel run` runs, with a command line that arrives as it was written.

Bazel expands an `args` attribute like a shell: a quote, a space or a dollar sign in it would not survive. So all that rules have to say stands in a
file, one argument a line, and the only word in `args` is the name of that file. What a person adds to `args` comes after it, by Bazel's own rules.
"""

load(":checks.bzl", "check_line")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_tool")

visibility("public")

def run_program(ctx, arguments, *, files, transitive_files = [], symlinks = {}):
    """Let the target run the program.

    Args:
        ctx: the context of an executable or a test rule with `toolchains = [TOOLCHAIN_TYPE]`, whose macro gives it `program_args`.
        arguments: list of strings, one an argument: the subcommand first.
        files: list of Files that they name.
        transitive_files: list of depsets of further Files.
        symlinks: dict from a path among the runfiles to the File that is to lie there.

    Returns:
        A DefaultInfo.
    """
    tool = verbatim_tool(ctx).executable
    executable = ctx.actions.declare_file(ctx.label.name + (".exe" if tool.extension == "exe" else ""))
    ctx.actions.symlink(output = executable, target_file = tool, is_executable = True)
    listed = ctx.actions.declare_file(ctx.label.name + ".arguments")
    ctx.actions.write(listed, "".join([check_line(ctx.label, "args", argument) + "\n" for argument in arguments]))
    return DefaultInfo(
        executable = executable,
        files = depset([executable]),
        runfiles = ctx.runfiles(
            files = [tool, listed] + files,
            symlinks = symlinks,
            transitive_files = depset(transitive = transitive_files),
        ),
    )

def program_args(name):
    """What stands in the attribute `args` of a target of `run_program`.

    Args:
        name: the name of the target.

    Returns:
        A list with one word.
    """
    label = native.package_relative_label(":" + name)
    path = "/".join([part for part in [label.package, label.name + ".arguments"] if part])
    if label.repo_name:
        path = "../" + label.repo_name + "/" + path

    # Bazel replaces `$(…)`, then takes words apart as a shell does.
    return [shell_word("@" + path).replace("$", "$$")]

def shell_word(text):
    """Quote a text, where that is necessary, so that a shell takes it as one word.

    Args:
        text: the text.

    Returns:
        What to type.
    """
    if text and not [c for c in text.elems() if not (c.isalnum() or c in "@%+=:,./-_")]:
        return text
    return "'" + text.replace("'", "'\\''") + "'"

def operand(path):
    """A path as an argument of its own, which must not look like an option or like a file of arguments.

    Args:
        path: a relative path.

    Returns:
        The path.
    """
    return "./" + path if path[0] in "-@" else path

def _plain_impl(ctx):
    operands = []
    for target in ctx.attr.operands:
        operands.extend(target[DefaultInfo].files.to_list())
    return [run_program(
        ctx,
        ctx.attr.arguments + [operand(file.short_path) for file in operands],
        files = operands,
        transitive_files = [
            target[DefaultInfo].default_runfiles.files
            for target in ctx.attr.operands
            if target[DefaultInfo].default_runfiles
        ],
    )]

_PLAIN = {
    "attrs": {
        "arguments": attr.string_list(
            doc = "The arguments, the subcommand first. Nothing in them is expanded.",
        ),
        "operands": attr.label_list(
            doc = "Files whose paths stand after the arguments.",
            allow_files = True,
        ),
    },
    "implementation": _plain_impl,
    "toolchains": [TOOLCHAIN_TYPE],
}

_plain_test = rule(
    doc = "Runs the program as a test.",
    test = True,
    **_PLAIN
)

_plain_run = rule(
    doc = "Runs the program, for `bazel run`.",
    executable = True,
    **_PLAIN
)

def verbatim_test(name, args = [], **kwargs):
    """Run the program as a test.

    Args:
        name: the name of the target.
        args: what comes after `arguments` and `operands`.
        **kwargs: `arguments`, `operands`, and what all tests have.
    """
    _plain_test(name = name, args = program_args(name) + args, **kwargs)

def verbatim_run(name, args = [], **kwargs):
    """Run the program with `bazel run`.

    Args:
        name: the name of the target.
        args: what comes after `arguments` and `operands`.
        **kwargs: `arguments`, `operands`, and what all rules have.
    """
    _plain_run(name = name, args = program_args(name) + args, **kwargs)
