//! A root file system as the crate `components` reads trees.

use std::io;

use verbatim_components::{Node as TreeNode, Tree, What};

use crate::tree::{Node, RootFs};

impl Tree for RootFs {
    fn len(&self) -> usize {
        RootFs::len(self)
    }

    fn node(&self, at: usize) -> TreeNode<'_> {
        let (path, found) = self.at(at);
        let what = match &found.node {
            Node::Directory => What::Directory,
            Node::File(place) => match self.first_name(at) {
                Some(first) => What::Name(first),
                None => What::File(place.size),
            },
            Node::Symlink(target) => What::Symlink(target),
            Node::Special => What::Other,
        };
        TreeNode {
            path,
            what,
            is_executable: found.mode & 0o111 != 0,
            component: None,
        }
    }

    fn read(&self, at: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match &self.at(at).1.node {
            Node::File(place) => place.read_at(offset, buffer),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn find(&self, path: &[u8]) -> Option<usize> {
        self.position(path)
    }
}
