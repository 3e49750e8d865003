"""The folder of a release."""

load("//rules/private:release.bzl", _release = "release")

release = _release
