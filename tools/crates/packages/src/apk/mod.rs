//! Alpine's packages of apk's versions 2 and 3, their repositories, and apk's database.

mod adb;
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
mod v3;
mod version;

pub use choose::{choose, scripts_not_done};
pub use install::install;
