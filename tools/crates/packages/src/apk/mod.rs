//! Alpine's packages of apk's version 2, their repositories, and apk's database.

mod catalog;
mod choose;
mod database;
mod index;
mod install;
mod keys;
mod package;
mod parts;
mod relation;
mod scripts;
mod unpack;
mod version;

pub use choose::{choose, scripts_not_done};
pub use install::install;
