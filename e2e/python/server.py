"""Greets whoever is named."""

import sys

import greetings

print(greetings.greeting("hello", sys.argv[1:] or ["world"]))
