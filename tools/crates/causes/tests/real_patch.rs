//! The lines that are shown of two texts are a unified diff: `patch` makes the one text of the other with it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use verbatim_causes::{compare, Piece};

/// The excerpts as a file for `patch`; `None` if some were left out.
fn unified(left: &str, right: &str) -> Option<String> {
    let comparison = compare("x", left.as_bytes(), right.as_bytes());
    if comparison.more {
        return None;
    }
    let mut patch = "--- x\n+++ x\n".to_owned();
    for excerpt in comparison.excerpts {
        let Piece::Lines(lines) = excerpt.piece else {
            panic!("no lines at {}", excerpt.at);
        };
        patch.push_str(&format!("{}\n", excerpt.at));
        for line in lines {
            patch.push_str(&format!("{}{}\n", line.side.mark(), line.text));
            if line.open {
                patch.push_str("\\ No newline at end of file\n");
            }
        }
    }
    Some(patch)
}

#[test]
fn patch_makes_the_right_side_of_the_left_one() {
    let mut seed = 11u64;
    let mut below = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % n
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x");
    let mut tried = 0;
    for _ in 0..150 {
        let left: Vec<String> = (0..1 + below(60))
            .map(|_| format!("word {}", below(40)))
            .collect();
        let mut right = left.clone();
        for _ in 0..=below(6) {
            let at = below(right.len() as u64 + 1) as usize;
            match below(3) {
                0 => right.insert(at, format!("new {}", below(9))),
                _ if at == right.len() => {}
                1 => drop(right.remove(at)),
                _ => right[at] = format!("other {}", below(9)),
            }
        }
        let end = if below(3) == 0 { "" } else { "\n" };
        let (left, right) = (left.join("\n") + end, right.join("\n") + end);
        // A text without lines is no text with one empty line.
        if left == right || right.trim().is_empty() {
            continue;
        }
        let Some(patch) = unified(&left, &right) else {
            continue;
        };
        std::fs::write(&file, &left).unwrap();
        let mut process = Command::new("patch")
            .args(["--fuzz=0", "--silent", "--reject-file=-"])
            .arg(&file)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        process
            .stdin
            .take()
            .unwrap()
            .write_all(patch.as_bytes())
            .unwrap();
        assert!(
            process.wait().unwrap().success(),
            "{left:?} {right:?}\n{patch}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), right, "{patch}");
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}
