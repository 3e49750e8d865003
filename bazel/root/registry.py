"""Write a Bazel module registry that serves the modules in a Debian root.

    registry.py ROOT OUT MODULE.bazel...

Bazel resolves a module graph by reading the MODULE.bazel of every version that
anything asks for. Debian ships one version of each module, so each is offered
under every version that is asked for; MODULE.bazel files then need no change.
Modules that are named in the graph, but that no build on Linux loads anything
from, are offered empty. OUT must not exist; it appears complete or not at all.
"""

import ast
import json
import os
import pathlib
import sys

MODULES = "usr/share/bazel"

# Named by rule sets for other systems and languages. The few labels and symbols
# that Bazel evaluates all the same stand here.
UNUSED = {
    "apple_support": {
        "constraints/BUILD.bazel": """package(default_visibility = ["//visibility:public"])

constraint_setting(name = "target_environment")

[
    constraint_value(
        name = name,
        constraint_setting = ":target_environment",
    )
    for name in ["device", "simulator"]
]
""",
    },
    "aspect_rules_js": {},
    "bazel_ci_rules": {},
    "buildozer": {
        "buildozer_binary.bzl": """def _empty_impl(rctx):
    rctx.file("BUILD.bazel", "")

_empty = repository_rule(implementation = _empty_impl)

buildozer_binary = module_extension(implementation = lambda mctx: _empty(name = "buildozer_binary"))
""",
    },
    "protobuf": {},
    "rules_testing": {},
    "stardoc": {},
    "zlib": {},
}


class ModuleFile:
    """The two kinds of statement of a MODULE.bazel that a registry is about."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text()
        self.module = None
        self.deps = []
        # MODULE.bazel is a subset of Starlark, and Starlark's syntax is Python's.
        for node in ast.parse(self.text, str(path)).body:
            call = getattr(node, "value", None)
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            arguments = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
            if call.func.id == "module":
                self.module = call
                self.name = arguments.get("name")
            elif call.func.id == "bazel_dep":
                if call.args:
                    arguments["name"] = call.args[0].value
                self.deps.append(arguments)

    def asked(self, own):
        """The (name, version) of each dependency; development ones count in one's own workspace only."""
        return {
            (dep["name"], dep["version"])
            for dep in self.deps
            if dep.get("version") and (own or not dep.get("dev_dependency"))
        }

    def at_version(self, version):
        """The text, with the module's version replaced."""
        lines = self.text.encode().splitlines(keepends=True)

        def offset(line, column):
            return sum(map(len, lines[: line - 1])) + column

        data = self.text.encode()
        new = json.dumps(version).encode()
        for keyword in self.module.keywords:
            if keyword.arg == "version":
                value = keyword.value
                start = offset(value.lineno, value.col_offset)
                end = offset(value.end_lineno, value.end_col_offset)
                return (data[:start] + new + data[end:]).decode()
        first = self.module.keywords[0]
        start = offset(first.lineno, first.col_offset)
        return (data[:start] + b"version = " + new + b", " + data[start:]).decode()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main():
    root, out, *workspace_files = map(pathlib.Path, sys.argv[1:])
    partial = out.with_name(f"{out.name}.partial.{os.getpid()}")

    shipped = {}
    for path in sorted((root / MODULES).glob("*/*/MODULE.bazel")):
        file = ModuleFile(path)
        if file.module and file.name:
            shipped[file.name] = file

    own = [ModuleFile(path) for path in workspace_files]
    own_names = {file.name for file in own if file.module}
    asked = set().union(*(file.asked(own=True) for file in own))
    for name, _ in sorted(asked):
        if name not in shipped and name not in UNUSED and name not in own_names:
            print(f"bazelw: no Debian package carries the module {name}: it is offered empty, "
                  "and what loads from it will fail (add its package to bazel/root/packages.txt, "
                  "or give it a local_path_override)", file=sys.stderr)
    # Bazel's built-in module for the machine's platform asks for this one.
    asked.add(("platforms", "0.0.7"))
    asked |= ModuleFile(root / MODULES / "embedded_tools/MODULE.bazel").asked(own=False)
    for file in shipped.values():
        asked |= file.asked(own=False)

    for name, version in sorted(asked):
        folder = partial / "modules" / name / version
        if name in shipped:
            write(folder / "MODULE.bazel", shipped[name].at_version(version))
            tree = shipped[name].path.parent
        else:
            # Its own paths are final ones: the folder is renamed when all is written.
            tree = out / "empty" / name
            write(folder / "MODULE.bazel", f'module(name = "{name}", version = "{version}")\n'
                                           'bazel_dep(name = "platforms", version = "0.0.10")\n')
            for label, text in {"REPO.bazel": "", "BUILD.bazel": "", **UNUSED.get(name, {})}.items():
                write(partial / "empty" / name / label, text)
            asked_platforms = partial / "modules/platforms/0.0.10/MODULE.bazel"
            if not asked_platforms.exists():
                write(asked_platforms, shipped["platforms"].at_version("0.0.10"))
                write(asked_platforms.with_name("source.json"),
                      json.dumps({"type": "local_path", "path": str(shipped["platforms"].path.parent)}) + "\n")
        write(folder / "source.json", json.dumps({"type": "local_path", "path": str(tree)}) + "\n")
    write(partial / "bazel_registry.json", "{}\n")
    partial.rename(out)


main()
