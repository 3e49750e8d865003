"""Layers of OCI images: files, programs with their runfiles, tar archives."""

load("//rules/private:binary_layer.bzl", _binary_layer = "binary_layer")
load("//rules/private:layer.bzl", _oci_layer = "oci_layer")
load("//rules/private:tar_layer.bzl", _tar_layer = "tar_layer")

binary_layer = _binary_layer
oci_layer = _oci_layer
tar_layer = _tar_layer
