"""`reproducible_test`: one target under several configurations, whose files must be the same under all of them."""

load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

_COMPILATION_MODE = "//command_line_option:compilation_mode"
_EXEC_PLATFORMS = "//command_line_option:extra_execution_platforms"
_PLATFORMS = "//command_line_option:platforms"

_MODES = ["dbg", "fastbuild", "opt"]

def problem_with(compilation_modes, platforms, exec_platforms):
    """What is wrong with the lists of a `reproducible_test`.

    Args:
        compilation_modes: names of modes.
        platforms: labels.
        exec_platforms: labels.

    Returns:
        A sentence, or None.
    """
    for mode in compilation_modes:
        if mode not in _MODES:
            return "attribute `compilation_modes`: there is no mode {}; there are {}.".format(repr(mode), ", ".join(_MODES))
    lists = {"compilation_modes": compilation_modes, "exec_platforms": exec_platforms, "platforms": platforms}
    for name, values in lists.items():
        seen = {}
        for value in values:
            if str(value) in seen:
                return "attribute `{}`: {} stands there twice, and is the same as itself.".format(name, repr(str(value)))
            seen[str(value)] = True
    if not [values for values in lists.values() if len(values) > 1]:
        return "it takes two configurations to compare; name two in `compilation_modes`, `platforms` or `exec_platforms`."
    return None

def _choices(attr):
    """Every way to choose one of each list that is not empty, by a name made of what was chosen."""
    choices = {"": {}}
    for setting, values in [
        (_COMPILATION_MODE, {mode: mode for mode in attr.compilation_modes}),
        (_PLATFORMS, {str(platform): [str(platform)] for platform in attr.platforms}),
        (_EXEC_PLATFORMS, {"made on " + str(platform): [str(platform)] for platform in attr.exec_platforms}),
    ]:
        if values:
            choices = {
                (chosen + ", " if chosen else "") + name: settings | {setting: value}
                for chosen, settings in choices.items()
                for name, value in values.items()
            }
    return choices

def _each_choice_impl(settings, attr):
    return {name: dict(settings) | chosen for name, chosen in _choices(attr).items()}

_each_choice = transition(
    implementation = _each_choice_impl,
    inputs = [_COMPILATION_MODE, _PLATFORMS, _EXEC_PLATFORMS],
    outputs = [_COMPILATION_MODE, _PLATFORMS, _EXEC_PLATFORMS],
)

def _comparison_impl(ctx):
    variants = {}
    links = {}

    # Files of different configurations have the same path among runfiles: each gets one of its own.
    for number, (name, target) in enumerate(ctx.split_attr.target.items()):
        files = {}
        for file in target[DefaultInfo].files.to_list():
            short = file.short_path.removeprefix("../")
            path = "/".join([part for part in [ctx.label.package, ctx.label.name + ".files", str(number), short] if part])
            files[short] = path
            links[path] = file
        variants[name] = files
    if not links:
        fail("{}: {} has no files to compare".format(ctx.label, ctx.split_attr.target.values()[0].label))

    manifest = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(manifest, json.encode_indent({
        "target": str(ctx.split_attr.target.values()[0].label),
        "variants": variants,
    }) + "\n")
    return [run_program(
        ctx,
        ["check", "--built", operand(runfiles_path(manifest))],
        files = [manifest],
        symlinks = links,
    )]

variants_test = rule(
    implementation = _comparison_impl,
    attrs = {
        "compilation_modes": attr.string_list(
            doc = "Compilation modes.",
        ),
        "exec_platforms": attr.label_list(
            doc = "Platforms that actions run on. Labels only, of which nothing is built.",
            cfg = "exec",
        ),
        "platforms": attr.label_list(
            doc = "Platforms that are built for.",
        ),
        "target": attr.label(
            doc = "What is built under each of them.",
            allow_files = True,
            cfg = _each_choice,
            mandatory = True,
        ),
    },
    doc = "Compares a target's files under each configuration.",
    test = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def reproducible_test(name, target, compilation_modes = [], platforms = [], exec_platforms = [], **kwargs):
    """Build a target under several configurations and compare its files byte for byte.

    ```starlark
    reproducible_test(
        name = "manual_reproducible_test",
        compilation_modes = ["fastbuild", "opt"],
        exec_platforms = ["//platforms:linux_amd64", "//platforms:linux_arm64"],
        target = ":manual",
    )
    ```

    The target is built under every combination of what the lists name, here four. The test fails unless its files are the same under all of them, and
    says which configurations agree with each other, file by file. Configurations lie in folders of different names, so a path that gets into a file is
    found out too. What varies from machine to machine, and from day to day, is what `verbatim check` is for.

    Args:
        name: the name of the test.
        target: what is built: its default outputs are compared.
        compilation_modes: `fastbuild`, `dbg`, `opt`.
        platforms: platforms to build for. What is built for two of them must not depend on them: documents, archives, byte code.
        exec_platforms: platforms whose machines carry out the actions, which toolchains must be there for.
        **kwargs: attributes that all tests have, such as `size`, `tags` and `visibility`.
    """
    problem = problem_with(compilation_modes, platforms, exec_platforms)
    if problem:
        fail("//{}:{}: {}".format(native.package_name(), name, problem))
    tags = kwargs.pop("tags", [])
    variants_test(
        name = name,
        args = program_args(name),
        compilation_modes = compilation_modes,
        exec_platforms = exec_platforms,
        platforms = platforms,
        tags = tags,
        target = target,
        **(dict(size = "small") | kwargs)
    )
