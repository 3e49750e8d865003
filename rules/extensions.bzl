"""Module extensions of rules_verbatim."""

load("//rules/private:images.bzl", _images = "images")
load("//rules/private:prebuilt.bzl", _verbatim = "verbatim")

images = _images
verbatim = _verbatim
