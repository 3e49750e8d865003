//! The real Bazel, run as a statement says it was, as far as that is safe.
//!
//! Three parties are told apart. The statement is a stranger's: its options are followed only where they stand on a
//! list ([`flags`]). The sources are code that is to be run: their actions run in Bazel's sandbox without a network,
//! their repository rules without either, and that is said to whoever asks; their `.bazelrc` is judged ([`rc`]). The
//! machine is the person's: the program, its settings, and what is allowed beyond.

mod events;
mod flags;
mod program;
mod rc;

pub use flags::{followed, Allowed, OTHER_BAZEL};
pub use program::{Bazel, Machine, Recorded, Run};
pub use rc::judge;
