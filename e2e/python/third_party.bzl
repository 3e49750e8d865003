"""A repository that stands for what a package index would bring."""

def _greetings_impl(rctx):
    folder = rctx.path(Label("//:MODULE.bazel")).dirname.get_child("third_party")
    rctx.symlink(folder.get_child("greetings.BUILD"), "BUILD.bazel")
    rctx.symlink(folder.get_child("greetings.py"), "greetings.py")

_greetings = repository_rule(
    implementation = _greetings_impl,
    doc = "A package in a repository of its own.",
)

third_party = module_extension(
    implementation = lambda mctx: _greetings(name = "greetings"),
    doc = "Declares `@greetings`.",
)
