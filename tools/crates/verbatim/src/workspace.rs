//! Files of the workspace that `bazel run` was called in: the only ones among sources that the program writes.

use std::path::{Component, Path, PathBuf};

use anyhow::{anyhow, bail};

/// Where a file is that is named relative to the top of the workspace.
pub fn workspace_file(file: &Path) -> anyhow::Result<PathBuf> {
    // The one place where the environment is read: nothing else tells a program that
    // `bazel run` started where the sources are.
    let workspace = std::env::var_os("BUILD_WORKSPACE_DIRECTORY")
        .filter(|folder| !folder.is_empty())
        .ok_or_else(|| {
            anyhow!("BUILD_WORKSPACE_DIRECTORY is not set; start this with `bazel run`")
        })?;
    let inside = file
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.as_os_str().is_empty() {
        bail!(
            "{}: is not a path inside the workspace; give it relative to its top, without `..`",
            file.display()
        );
    }
    Ok(Path::new(&workspace).join(file))
}
