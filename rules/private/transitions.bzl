"""Transitions that make a release independent of the command line.

What is released is compiled optimised and without stamps, for the platform that
its target names, whatever the flags of the build that happens to need it.
"""

_COMPILATION_MODE = "//command_line_option:compilation_mode"
_PLATFORMS = "//command_line_option:platforms"
_STAMP = "//command_line_option:stamp"

_SETTINGS = [_COMPILATION_MODE, _PLATFORMS, _STAMP]

def _released(platforms):
    return {
        _COMPILATION_MODE: "opt",
        _PLATFORMS: platforms,
        _STAMP: False,
    }

def _release_impl(settings, attr):
    if attr.platform:
        return _released([str(attr.platform)])
    return _released(settings[_PLATFORMS])

# For a rule with an attribute `platform` that may be None.
release_transition = transition(
    implementation = _release_impl,
    inputs = [_PLATFORMS],
    outputs = _SETTINGS,
)

def _each_platform_impl(settings, attr):
    if not attr.platforms:
        return _released(settings[_PLATFORMS])
    return {str(platform): _released([str(platform)]) for platform in attr.platforms}

# For an attribute of a rule with a list `platforms`: one target for each.
each_platform_transition = transition(
    implementation = _each_platform_impl,
    inputs = [_PLATFORMS],
    outputs = _SETTINGS,
)
