//! Statements about artifacts, and the rules that decide which of them hold.
//!
//! A [`Statement`] (in-toto, v0.1 and v1) says something, its predicate, about subjects that it names by
//! digest. Anybody can write one: it holds for an artifact only where all of this is so, in this order:
//!
//! 1. a key that the user named signed it (crate `verbatim_signature`);
//! 2. one of its subjects has the digests that were [recomputed](Known) from the artifact's bytes;
//! 3. it is of the [type](PredicateType) that was asked for, and a verification summary says `PASSED`;
//! 4. an entry of the [`Policy`] fits whole: builder, key, build type, sources, parameters.
//!
//! [`Requirements::judge`] is that order. What was written by others is hostile until the first step is
//! done, and may be wrong after it: reading it never panics, and is bounded by the size of the document.
//!
//! [`bazel`] is the other direction: what is said of builds by Bazel.

pub mod artifact;
pub mod attach;
pub mod attached;
pub mod bazel;
mod judge;
mod known;
mod policy;
mod predicate_type;
mod provenance;
mod report;
mod statement;
mod summary;

pub use judge::{Requirements, Signed};
pub use known::{Known, Sha512};
pub use policy::{Allow, Policy, Rebuilders, Vouchers, Wanted};
pub use predicate_type::PredicateType;
pub use provenance::Provenance;
pub use report::{Finding, Report, Told, Verdict};
pub use statement::{DigestSet, Statement, Subject};
pub use summary::{Rebuilt, REBUILT};
