"""Module extensions of rules_verbatim."""

load("//rules/private:images.bzl", _images = "images")
load("//rules/private:packages.bzl", _packages = "packages")
load("//rules/private:prebuilt.bzl", _verbatim = "verbatim")

images = _images
packages = _packages
verbatim = _verbatim
