//! Shell scripts as lists of simple commands: enough to find those of a known form.

/// The commands of a script, each as its words. Lines that go on with a backslash are one; what
/// is in quotes is one word, and `$DPKG_ROOT` is the root.
pub(crate) fn commands(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    joined
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(words)
        .filter(|words| !words.is_empty())
        .collect()
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') if word.is_none() => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
        .into_iter()
        .map(|word| word.replace("${DPKG_ROOT}", "").replace("$DPKG_ROOT", ""))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_commands() {
        let script =
            "# comment\nset -e\n  update-x --install \\\n   'a b' \"$DPKG_ROOT/c\" # why\n\n";
        assert_eq!(
            commands(script),
            [
                vec!["set", "-e"],
                vec!["update-x", "--install", "a b", "/c"]
            ]
        );
    }
}
