#!/bin/sh
# greet [NAME]: greets in the languages of a data file. Library and data are found in the runfiles.
set -eu
# The folder of this repository has a name that depends on who builds it.
for here in "${RUNFILES_DIR:-$0.runfiles}"/*/shell_app; do :; done
# shellcheck source=words.sh
. "$here/words.sh"
while read -r language word; do
  greet "$language" "$word" "${1:-world}"
done <"$here/greetings.txt"
