"""The toolchain: one program, `verbatim`, that does all the work of the rules."""

load("//rules/private/providers:verbatim_toolchain_info.bzl", "VerbatimToolchainInfo")
load(":transitions.bzl", "release_transition")

TOOLCHAIN_TYPE = Label("//rules:toolchain_type")

def _toolchain(verbatim):
    info = VerbatimToolchainInfo(verbatim = verbatim[DefaultInfo].files_to_run)
    return [
        DefaultInfo(files = depset([info.verbatim.executable])),
        platform_common.ToolchainInfo(
            verbatim = info.verbatim,
            verbatim_info = info,
        ),
        info,
    ]

def _verbatim_toolchain_impl(ctx):
    return _toolchain(ctx.attr.verbatim)

def _released_toolchain_impl(ctx):
    # A list, because the attribute has a transition.
    return _toolchain(ctx.attr.verbatim[0])

verbatim_toolchain = rule(
    implementation = _verbatim_toolchain_impl,
    attrs = {
        "verbatim": attr.label(
            doc = "The program: an executable target, or a file that can be executed.",
            allow_files = True,
            cfg = "exec",
            executable = True,
            mandatory = True,
        ),
    },
    doc = """Names the `verbatim` program that the rules run.

Register it with Bazel's `toolchain` rule and the type `@rules_verbatim//rules:toolchain_type`.
The extension `verbatim` of `@rules_verbatim//rules:extensions.bzl` does so for released programs.
""",
    provides = [platform_common.ToolchainInfo],
)

# For the workspace that releases the program itself, and for nobody else: built as the
# release builds it, it is compiled once for both. Elsewhere a tool belongs into the
# configuration of tools, where the flags of what is built do not reach it.
released_toolchain = rule(
    implementation = _released_toolchain_impl,
    attrs = {
        "platform": attr.label(
            doc = "The platform of the release that the machine which runs the actions is of.",
            mandatory = True,
            providers = [platform_common.PlatformInfo],
        ),
        "verbatim": attr.label(
            doc = "The program: the target that the release is made of.",
            cfg = release_transition,
            mandatory = True,
        ),
    },
    doc = "Names the program of this workspace's own release as the one that the rules run.",
    provides = [platform_common.ToolchainInfo],
)

def verbatim_tool(ctx):
    """Find the program of the toolchain that Bazel resolved.

    Args:
        ctx: the context of a rule with `toolchains = [TOOLCHAIN_TYPE]`.

    Returns:
        A FilesToRunProvider.
    """
    return ctx.toolchains[TOOLCHAIN_TYPE].verbatim

def verbatim_args(ctx, param_file = "@%s"):
    """Start a list of arguments that always travels in a param file.

    Args:
        ctx: the rule's context.
        param_file: the argument that names it: `@%s` stands for its lines; an option takes it as a file.

    Returns:
        An Args object. Every argument must be free of line feeds: a param file has one argument a line.
    """
    args = ctx.actions.args()
    args.use_param_file(param_file, use_always = True)
    args.set_param_file_format("multiline")
    return args

def run_verbatim(
        ctx,
        *,
        command,
        args,
        inputs,
        outputs,
        mnemonic,
        progress_message,
        path_mapping = False,
        resource_set = None,
        execution_requirements = {},
        use_default_shell_env = False):
    """Run one subcommand as one action, without a shell and without an environment.

    Args:
        ctx: the context of a rule with `toolchains = [TOOLCHAIN_TYPE]`.
        command: list of strings, the subcommand, such as `["sums", "create"]`.
        args: list of Args objects of `verbatim_args`.
        inputs: depset or list of Files.
        outputs: list of Files.
        mnemonic: the action's mnemonic.
        progress_message: what Bazel shows while it runs.
        path_mapping: whether every path in `args` is one that Bazel can map, so that configurations share the action.
        resource_set: a function that tells Bazel how much of the machine the action takes.
        execution_requirements: dict, further requirements.
        use_default_shell_env: whether the action sees what `--action_env` names; only what reaches a network has a use for that.
    """
    ctx.actions.run(
        executable = verbatim_tool(ctx),
        arguments = command + args,
        inputs = inputs,
        outputs = outputs,
        mnemonic = mnemonic,
        progress_message = progress_message,
        env = {},
        use_default_shell_env = use_default_shell_env,
        execution_requirements = ({"supports-path-mapping": ""} if path_mapping else {}) | execution_requirements,
        resource_set = resource_set,
        toolchain = TOOLCHAIN_TYPE,
    )
