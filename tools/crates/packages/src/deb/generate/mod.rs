//! What maintainer scripts would have done, as far as an image needs it: each a small function of
//! the packages' own files and of the words of their scripts. Nothing is run.

mod accounts;
mod alternatives;
mod base_files;
mod certificates;
mod java;
mod loader;
mod shells;
mod tmpfiles;

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
    java::generate(&mut context);
    context.copy("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf");
    tmpfiles::generate(&mut context);
    // Last, of the libraries as they lie there in the end.
    loader::generate(&mut context);
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
        self.number("etc/group", name)
    }

    /// The number of a name in `etc/passwd` or `etc/group`. The root has one without a list, too.
    fn number(&self, list: &str, name: &str) -> Option<u64> {
        let text = self.text(list).unwrap_or_default();
        let number = text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
        });
        number.or((name == "root").then_some(0))
    }
}
