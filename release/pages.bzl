"""What a shell and man(1) want to know of the program, written by the program itself."""

load("//rules/private:toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")  # buildifier: disable=bzl-visibility

# Where each shell looks for completions, below the root or a prefix.
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/verbatim",
    "fish": "usr/share/fish/vendor_completions.d/verbatim.fish",
    "zsh": "usr/share/zsh/vendor-completions/_verbatim",
}

def _write(ctx, command, output):
    args = verbatim_args(ctx)
    args.add("--output=" + output.path)
    run_verbatim(
        ctx,
        command = command,
        args = [args],
        inputs = [],
        outputs = [output],
        mnemonic = "VerbatimPage",
        progress_message = "Writing %{output}",
    )
    return output

def _program_pages_impl(ctx):
    name = ctx.label.name
    pages = _write(ctx, ["man"], ctx.actions.declare_directory(name + ".man1"))
    inputs = [pages]
    entries = [{"path": "usr/share/man/man1", "source": pages.path, "type": "tree"}]
    for shell, path in _COMPLETIONS.items():
        script = _write(ctx, ["completions", shell], ctx.actions.declare_file(name + "." + shell))
        inputs.append(script)
        entries.append({"path": path, "source": script.path, "type": "file"})

    archive = ctx.actions.declare_file(name + ".tar.gz")
    args = verbatim_args(ctx)
    args.add("--output=" + archive.path)
    args.add("--create-parents")
    for entry in entries:
        args.add("--entry=" + json.encode(entry))
    run_verbatim(
        ctx,
        command = ["layer"],
        args = [args],
        inputs = inputs,
        outputs = [archive],
        mnemonic = "VerbatimLayer",
        progress_message = "Making %{output}",
    )
    return [DefaultInfo(files = depset([archive]))]

program_pages = rule(
    implementation = _program_pages_impl,
    doc = "The manual pages of the program and the completions of shells as one archive, to unpack over / or a prefix.",
    toolchains = [TOOLCHAIN_TYPE],
)
