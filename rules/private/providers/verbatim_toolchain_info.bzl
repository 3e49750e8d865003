"""How rules find the `verbatim` program."""

VerbatimToolchainInfo = provider(
    doc = "The `verbatim` program for the machine that runs the actions.",
    fields = {
        "verbatim": "FilesToRunProvider: the program.",
    },
)
