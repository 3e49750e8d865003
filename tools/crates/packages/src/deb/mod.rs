//! Debian's packages and repositories.

mod catalog;
mod choose;
pub mod control;
mod database;
mod generate;
pub mod index;
mod install;
mod package;
pub mod relation;
mod release;
mod repository;
mod root;
mod scripts;
mod unpack;
pub mod version;

pub use choose::choose;
pub use choose::scripts_not_done;
pub use install::install;
pub use scripts::Script;
