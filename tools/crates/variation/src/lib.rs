//! The same build under other conditions, and the first action that did not do the same.
//!
//! A build is reproducible if nothing that it does not declare can be seen in its outputs. That
//! cannot be proven by looking at a build, but it can be disproven by building twice: once as
//! anybody would, and once with everything other that must not matter ([`Condition`]). Where the
//! outputs differ, the execution logs of both builds say which action was given the same and made
//! something else ([`blame`](mod@blame)). What follows from there needs no guess: it is one
//! command, and the condition that it looks at is among those that were varied.
//!
//! | Module | What it knows |
//! | --- | --- |
//! | [`condition`] | what can be varied, by name |
//! | [`circumstances`] | how it is varied on this machine, and what cannot be |
//! | [`kernel`] | umask, host name and cores of a process |
//! | [`checkout`] | a copy of the sources elsewhere |
//! | [`bazel`] | how Bazel is found and run |
//! | [`process`] | processes that somebody may interrupt |
//! | [`events`] | what a build says of its targets |
//! | [`log`] | Bazel's compact execution log, as a stream |
//! | [`compare`] | outputs beside each other |
//! | [`traces`] | whether a condition is to be seen in what differs |
//! | [`mod@blame`] | from an output that differs back to the action that is to blame |
//! | [`mod@check`] | all of it, one after another |
//! | [`variants`] | outputs of one target under several configurations, as `reproducible_test` has them |

pub mod bazel;
pub mod blame;
pub mod check;
pub mod checkout;
pub mod circumstances;
pub mod compare;
pub mod condition;
pub mod events;
pub mod kernel;
pub mod log;
pub mod process;
pub mod traces;
pub mod variants;

pub use check::{check, Checked, Report, Request, Step};
pub use compare::Verdict;
pub use condition::Condition;
pub use process::Interrupt;
