"""Greets whoever is named."""

import sys

import greetings

print(greetings.greeting("good night", sys.argv[1:] or ["world"]))
