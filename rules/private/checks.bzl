"""Checks of attributes, whose messages name the target, the attribute and the repair."""

visibility(["//rules/..."])

def fail_at(label, attribute, problem):
    """Fail with a sentence that says where.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        problem: what is wrong with it, and what to write instead.
    """
    fail("{}: attribute `{}`: {}".format(show(label), attribute, problem))

def show(label):
    """Write a label as people do.

    Args:
        label: a Label.

    Returns:
        `//package:name` for the main repository, `@@repository//package:name` for others.
    """
    text = str(label)
    return text.removeprefix("@@") if text.startswith("@@//") else text.removeprefix("@") if text.startswith("@//") else text

def check_line(label, attribute, text):
    """Fail unless the text fits into one line of a param file.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        text: the text.

    Returns:
        The text.
    """
    if "\n" in text or "\r" in text:
        fail_at(label, attribute, "{} holds a line feed; write it on one line.".format(repr(text)))
    return text

def image_path(label, attribute, path, *, allow_root = False):
    """Bring a path in the image into the form `usr/bin/app`.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        path: the path as the user wrote it; a slash in front may be there or not.
        allow_root: whether the root itself (`/`) may be meant; it gives the empty string.

    Returns:
        The path without slashes at its ends.
    """
    check_line(label, attribute, path)
    plain = path.removeprefix("./") if path != "." else ""
    plain = plain.strip("/")
    if not plain:
        if allow_root and path:
            return ""
        fail_at(label, attribute, "{} is not a path in the image; write one such as \"/usr/bin/app\".".format(repr(path)))
    for part in plain.split("/"):
        if part == "..":
            fail_at(label, attribute, "{} leaves the image with \"..\"; write the path without it.".format(repr(path)))
        if part in ["", "."]:
            fail_at(label, attribute, "{} has an empty component; write \"/{}\".".format(
                repr(path),
                "/".join([part for part in plain.split("/") if part not in ["", "."]]),
            ))
    return plain

def check_mode(label, attribute, mode):
    """Fail unless the text is a mode in octal.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        mode: such as `0755` or `4755`.

    Returns:
        The mode with four digits.
    """
    digits = mode.elems()
    if len(digits) not in [3, 4, 5] or [d for d in digits if d not in "01234567".elems()] or (len(digits) == 5 and digits[0] != "0"):
        fail_at(label, attribute, "{} is not a mode; write three or four octal digits such as \"0755\".".format(repr(mode)))
    return "0" + mode if len(digits) == 3 else mode[-4:]

def parse_owner(label, attribute, owner):
    """Take an owner apart.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        owner: `UID:GID` in decimal.

    Returns:
        A struct with the integers `uid` and `gid`.
    """
    parts = owner.split(":")
    if len(parts) != 2 or not parts[0].isdigit() or not parts[1].isdigit() or len(parts[0]) > 10 or len(parts[1]) > 10:
        fail_at(label, attribute, "{} is not an owner; write two numbers, \"UID:GID\", such as \"65532:65532\" (names depend on a file in the image).".format(repr(owner)))
    return struct(uid = int(parts[0]), gid = int(parts[1]))

def check_glob(label, attribute, glob):
    """Fail where a text cannot be a glob over paths of the image.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        glob: `*` and `?` stay within a component, `**` crosses them.

    Returns:
        The glob.
    """
    check_line(label, attribute, glob)
    if not glob.strip("/"):
        fail_at(label, attribute, "{} matches nothing; write a path or glob such as \"/usr/bin/*\".".format(repr(glob)))
    if "=" in glob:
        fail_at(label, attribute, "{} holds \"=\", which a glob cannot; write \"?\" in its place.".format(repr(glob)))
    if ".." in glob.split("/"):
        fail_at(label, attribute, "{} leaves the image with \"..\"; write the path without it.".format(repr(glob)))
    return glob

def check_one_of(label, attribute, value, allowed):
    """Fail unless a value is one of a list.

    Args:
        label: the target's Label.
        attribute: the name of the attribute.
        value: the value.
        allowed: list of strings.

    Returns:
        The value.
    """
    if value not in allowed:
        fail_at(label, attribute, "{} is not known; write one of {}.".format(repr(value), ", ".join([repr(v) for v in allowed])))
    return value

def check_exclusive(label, given):
    """Fail where two attributes are given of which one must be chosen.

    Args:
        label: the target's Label.
        given: dict from the name of an attribute to whether it is given.
    """
    names = [name for name, is_given in given.items() if is_given]
    if len(names) > 1:
        fail_at(label, names[0], "cannot be used together with `{}`; keep one of the two.".format(names[1]))
