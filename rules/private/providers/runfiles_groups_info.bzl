"""How rules of a language say which runfiles belong together."""

RunfilesGroupsInfo = provider(
    doc = "Groups of a program's runfiles, which `binary_layers` puts into layers of their own. Rules of a language may offer it beside the program, " +
          "or a rule that wraps one; what is in no group is the program's own code.",
    fields = {
        "groups": "dict from the name of a group to a depset of Files, what changes least first. A File in two groups is in the first.",
    },
)
