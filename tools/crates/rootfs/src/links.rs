//! Where a path leads when links stand on the way to it.

use crate::tree::{Found, Node};

/// Links that are followed, as in the kernel.
const MOST: usize = 40;

/// The path without links in front of its last part. Where links go round in circles, the path
/// as it is.
pub(crate) fn parents<'a>(get: impl Fn(&[u8]) -> Option<&'a Found>, path: &[u8]) -> Vec<u8> {
    follow(get, path, false).unwrap_or_else(|| path.to_vec())
}

/// The path without links at all: where a program gets to that opens it.
pub(crate) fn whole<'a>(get: impl Fn(&[u8]) -> Option<&'a Found>, path: &[u8]) -> Option<Vec<u8>> {
    follow(get, path, true)
}

fn follow<'a>(
    get: impl Fn(&[u8]) -> Option<&'a Found>,
    path: &[u8],
    last_too: bool,
) -> Option<Vec<u8>> {
    // What is still to be walked, the next part last.
    let mut rest: Vec<Vec<u8>> = parts(path);
    let mut at: Vec<u8> = Vec::with_capacity(path.len());
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == b".." {
            at.truncate(at.iter().rposition(|&b| b == b'/').unwrap_or(0));
            continue;
        }
        let parent = at.len();
        if !at.is_empty() {
            at.push(b'/');
        }
        at.extend_from_slice(&part);
        if rest.is_empty() && !last_too {
            break;
        }
        if let Some(Node::Symlink(target)) = get(&at).map(|found| &found.node) {
            links += 1;
            if links > MOST {
                return None;
            }
            let keep = if target.starts_with(b"/") { 0 } else { parent };
            at.truncate(keep);
            rest.extend(parts(target));
        }
    }
    Some(at)
}

/// The parts of a path, the first one last.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .map(<[u8]>::to_vec)
        .rev()
        .collect()
}
