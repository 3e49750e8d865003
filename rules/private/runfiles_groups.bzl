"""Which runfiles of a program go into which layer.

A group is a list of patterns over paths in the runfiles, `<repository>/<path in it>`, with Bazel's own names of repositories. They are looked at while a build
is analysed, unlike the files of other layers: the action of one layer must not have the files of another among its inputs, or a change in them would run it.
"""

visibility(["//rules/..."])

# What the rules of languages call things, and what is no part of the main repository. `@` stands for every other repository.
DEFAULT_GROUPS = {
    "interpreter": [
        "*python_3_*/**",
        "*nodejs_*/**",
        "*remotejdk*/**",
        "*ruby~ruby/**",
        "*ruby+ruby/**",
    ],
    "packages": [
        "**/site-packages/**",
        "**/node_modules/**",
        "@",
    ],
}

def _component_matches(pattern, text):
    parts = pattern.split("*")
    if len(parts) == 1:
        return pattern == text
    end = len(text) - len(parts[-1])
    at = len(parts[0])
    if not text.startswith(parts[0]) or not text.endswith(parts[-1]) or at > end:
        return False
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True

def glob_matches(glob, path):
    """Whether a path is meant by a glob.

    Args:
        glob: `*` stays within a component, `**` is any number of them.
        path: a relative path.

    Returns:
        A bool.
    """
    patterns = glob.split("/")

    def reach(position, states):
        # `**` may stand for nothing.
        states[position] = None
        for i in range(position, len(patterns)):
            if patterns[i] != "**":
                break
            states[i + 1] = None

    states = {}
    reach(0, states)
    for component in path.split("/"):
        following = {}
        for position in states:
            if position == len(patterns):
                continue
            if patterns[position] == "**":
                reach(position, following)
            elif _component_matches(patterns[position], component):
                reach(position + 1, following)
        states = following
    return len(patterns) in states

def in_group(patterns, path, main):
    """Whether a path belongs to a group.

    Args:
        patterns: list of strings: globs, `@@` and the name of a repository, or `@` for every repository but the main one.
        path: a path in the runfiles.
        main: the name of the main repository's directory there.

    Returns:
        A bool.
    """
    repository = path.partition("/")[0]
    for pattern in patterns:
        if pattern == "@":
            if repository != main:
                return True
        elif pattern.startswith("@@"):
            if repository == (pattern.removeprefix("@@") or main):
                return True
        elif glob_matches(pattern, path):
            return True
    return False

def group_of(groups, path, main):
    """The group that a path belongs to.

    Args:
        groups: dict from a name to patterns; the first that fits counts.
        path: a path in the runfiles.
        main: the name of the main repository's directory there.

    Returns:
        The name, or None.
    """
    for name, patterns in groups.items():
        if in_group(patterns, path, main):
            return name
    return None
