"""Module extensions of rules_verbatim."""

load("//rules/private:prebuilt.bzl", _verbatim = "verbatim")

verbatim = _verbatim
