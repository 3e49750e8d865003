"""YAML, as far as programs write it for lists of things: mappings and sequences by indentation, with words as values."""

# Words that begin so mean something else: anchors, tags, texts of several lines, mappings in braces.
_OTHER = "&*!|>{@`%"

def _word(text):
    """The value of a word, in a list of one; None if it is none that is read here."""
    quote = text[0]
    if quote in "'\"":
        inside = text[1:-1]
        return [inside] if len(text) > 1 and text.endswith(quote) and quote not in inside and "\\" not in inside else None
    return [text] if quote not in _OTHER + "[]" and " #" not in text and ": " not in text else None

def _scalar(text):
    """What stands behind a key, in a list of one; None if it is nothing that is read here."""
    if not text:
        return [None]
    if not text.startswith("["):
        return _word(text)
    words = [_word(word.strip()) for word in text[1:-1].split(",") if word.strip()]
    return [[word[0] for word in words]] if text.endswith("]") and None not in words else None

def _tokens(text):
    """Items and pairs with their depths; None if there is something else."""
    tokens = []
    for line in text.split("\n"):
        rest = line.rstrip().lstrip(" ")
        if not rest or rest.startswith("#") or rest in ["---", "..."]:
            continue
        depth = len(line.rstrip()) - len(rest)
        for _ in range(8):
            if rest != "-" and not rest.startswith("- "):
                break
            tokens.append(struct(depth = depth, kind = "item"))
            inner = rest[1:].lstrip(" ")
            depth += len(rest) - len(inner)
            rest = inner
        if not rest:
            continue
        key, colon, value = rest.partition(":")
        if colon and (not value or value.startswith(" ")) and key[0] not in "'\"[" + _OTHER:
            tokens.append(struct(depth = depth, kind = "pair", key = key, value = value.strip()))
        else:
            tokens.append(struct(depth = depth, kind = "word", value = rest))
    return tokens

def decode_yaml(text):
    """Read a document of this kind. All values are strings, lists, dicts or None.

    Args:
        text: the content of a file.

    Returns:
        The value, or None if it has something that is not read here.
    """
    root = [None]

    # What is open, the innermost last, each with its depth; and the place of a value that is still to come.
    opened = []
    place = (root, 0)
    for token in _tokens(text):
        for _ in range(len(opened)):
            depth, container = opened[-1]
            beside_key = token.kind == "item" and type(container) == "dict"
            if depth < token.depth or (depth == token.depth and (beside_key or (type(container) == "list") == (token.kind == "item"))):
                break
            opened.pop()
            place = None
        depth, container = opened[-1] if opened else (-1, None)
        wanted = "list" if token.kind == "item" else "dict"
        if token.kind == "word":
            value = _word(token.value)
            if not place or not value:
                return None
            place[0][place[1]] = value[0]
            place = None
            continue
        if type(container) != wanted or depth < token.depth:
            if not place:
                return None
            container = [] if wanted == "list" else {}
            place[0][place[1]] = container
            opened.append((token.depth, container))
        if token.kind == "item":
            container.append(None)
            place = (container, len(container) - 1)
            continue
        value = _scalar(token.value)
        if not value or token.key in container:
            return None
        container[token.key] = value[0]
        place = (container, token.key) if value[0] == None else None
    return root[0]
