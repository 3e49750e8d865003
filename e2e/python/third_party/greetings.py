"""How people are greeted."""


def greeting(word, names):
    """Greet names with a word."""
    return f"{word}, {' and '.join(names)}!"
