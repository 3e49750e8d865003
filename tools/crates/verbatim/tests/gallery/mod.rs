//! The cases: what is built, and the one thing that varies in it.

mod archives;
mod images;
mod programs;
mod systems;
mod texts;

/// A build that is run twice in folders of the same path, with `N` 0 and 1. It writes to `$OUT`.
pub struct Case {
    pub name: &'static str,
    /// The cause that is seeded, which has to come first.
    pub cause: &'static str,
    /// What follows from it and may be said besides.
    pub follows: &'static [&'static str],
    /// For bash, with `-eu`.
    pub build: &'static str,
}

pub const fn case(name: &'static str, cause: &'static str, build: &'static str) -> Case {
    Case {
        name,
        cause,
        follows: &[],
        build,
    }
}

impl Case {
    pub const fn follows(mut self, causes: &'static [&'static str]) -> Self {
        self.follows = causes;
        self
    }
}

/// All of them.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [
        archives::CASES,
        programs::CASES,
        texts::CASES,
        systems::CASES,
        images::CASES,
    ]
    .into_iter()
    .flatten()
}
