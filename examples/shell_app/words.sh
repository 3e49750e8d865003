# greet LANGUAGE WORD NAME
greet() { printf '%s: %s, %s!\n' "$1" "$2" "$3"; }
