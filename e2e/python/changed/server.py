"""Greets whoever is named."""

import sys

import greetings

print(greetings.greeting("hello again", sys.argv[1:] or ["world"]))
