"""An archive of files in the order in which the file system lists them."""

def _unsorted_archive_impl(ctx):
    tree = ctx.actions.declare_directory(ctx.label.name + ".tree")
    ctx.actions.run_shell(
        outputs = [tree],
        inputs = ctx.files.srcs,
        command = 'out=$1; shift; cp -L "$@" "$out"; chmod 0644 "$out"/*',
        arguments = [ctx.actions.args().add(tree.path).add_all(ctx.files.srcs)],
        mnemonic = "CopyTree",
    )
    archive = ctx.actions.declare_file(ctx.label.name + ".tar")
    ctx.actions.run_shell(
        outputs = [archive],
        inputs = [tree],
        command = 'find -L "$1" -type f -exec tar --create --dereference --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0644 --file "$2" {} +',
        arguments = [ctx.actions.args().add(tree.path).add(archive)],
        mnemonic = "UnsortedTar",
    )
    return [DefaultInfo(files = depset([archive]))]

unsorted_archive = rule(
    implementation = _unsorted_archive_impl,
    attrs = {
        "srcs": attr.label_list(
            doc = "What goes in.",
            allow_files = True,
        ),
    },
    doc = "A tar of files that nobody sorted.",
)
