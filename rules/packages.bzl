"""Layers of a distribution's packages."""

load("//rules/private:package_layer.bzl", _package_layer = "package_layer")

package_layer = _package_layer
