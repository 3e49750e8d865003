"""What rules know of locked packages."""

LockedPackagesInfo = provider(
    doc = "Packages of a distribution for one architecture, as a lock file names them.",
    fields = {
        "architecture": "string: the architecture in the distribution's word, such as `amd64` or `x86_64`.",
        "lock": "File: the lock file.",
        "packages": "dict from string to File: each package by its sha256, 64 hexadecimal digits.",
    },
)
