"""Layers of OCI images: files, programs with their runfiles, tar archives; and plans of several layers."""

load("//rules/private:binary_layer.bzl", _binary_layer = "binary_layer")
load("//rules/private:binary_layers.bzl", _binary_layers = "binary_layers")
load("//rules/private:layer.bzl", _oci_layer = "oci_layer")
load("//rules/private:layer_plan.bzl", _layer_plan = "layer_plan")
load("//rules/private:tar_layer.bzl", _tar_layer = "tar_layer")

binary_layer = _binary_layer
binary_layers = _binary_layers
layer_plan = _layer_plan
oci_layer = _oci_layer
tar_layer = _tar_layer
