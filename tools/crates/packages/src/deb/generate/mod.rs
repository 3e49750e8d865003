//! What maintainer scripts would have done, as far as an image needs it: each a small function of
//! the packages' own files and of the words of their scripts. Nothing is run.

mod accounts;
mod alternatives;
mod base_files;
mod certificates;
mod shells;

use verbatim_archive::Keeper;

use super::database::Installed;
use super::root::{Content, Root};
use crate::packed::Node;

/// The largest file that a generator looks into.
const LARGEST: u64 = 16 << 20;

/// What generators work with.
struct Context<'a> {
    root: &'a mut Root,
    packages: &'a [Installed<'a>],
    keeper: &'a Keeper,
}

/// Add everything that can be generated.
pub fn generate(root: &mut Root, packages: &[Installed<'_>], keeper: &Keeper) {
    let mut context = Context {
        root,
        packages,
        keeper,
    };
    accounts::generate(&mut context);
    base_files::generate(&mut context);
    alternatives::generate(&mut context);
    shells::generate(&mut context);
    certificates::generate(&mut context);
    context.copy("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf");
}

impl Context<'_> {
    /// The text of a file of the root.
    fn text(&self, path: &str) -> Option<String> {
        let bytes = self.root.read(path.as_bytes(), self.keeper, LARGEST)?;
        String::from_utf8(bytes).ok()
    }

    /// A control file of a package that is installed.
    fn script(&self, package: &str, name: &str) -> Option<String> {
        let installed = self
            .packages
            .iter()
            .find(|one| one.locked.name == package)?;
        let bytes = installed.unpacked.about.files.get(name)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn has(&self, package: &str) -> bool {
        self.packages.iter().any(|one| one.locked.name == package)
    }

    /// Copy a file that a package brings to where its script would, unless something is there.
    fn copy(&mut self, from: &str, to: &str) {
        if let Some(bytes) = self.root.read(from.as_bytes(), self.keeper, LARGEST) {
            self.root.make(to, Content::Made(bytes), 0o644, 0);
        }
    }

    fn directory(&mut self, path: &str, mode: u32, gid: u64) {
        self.root
            .make(path, Content::Packed(Node::Directory), mode, gid);
    }

    fn symlink(&mut self, path: &str, target: &str) {
        let node = Node::Symlink(target.as_bytes().to_vec());
        self.root.make(path, Content::Packed(node), 0o777, 0);
    }

    /// The number of a group in `etc/group`.
    fn gid(&self, name: &str) -> Option<u64> {
        self.text("etc/group")?.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
        })
    }
}
