"""What a repository rule says to Bazel of a repository whose contents follow from its attributes."""

visibility(["//rules/private/..."])

def reproducible(rctx):
    """Say that the repository is the same wherever its rule runs again with the same attributes.

    Bazel 8.3 and newer then keep its contents in a cache for all workspaces; older ones have no word for it.
    So nothing in such a repository may be a link that leads out of it.

    Args:
        rctx: the context of the repository rule.

    Returns:
        What the rule returns.
    """
    return rctx.repo_metadata(reproducible = True) if hasattr(rctx, "repo_metadata") else None
