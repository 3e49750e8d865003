//! Dependencies with operators: `(a or b)`, `(a >= 2 if b else c)`.
//!
//! As rpm-rich(7) and `rpmrichParse` of rpm 6.1 have them.

use super::evr::{Dependency, Evr, Relation};

/// How deep parentheses may be nested. Real ones have two or three.
const DEEPEST: usize = 64;

/// What a package needs, or must not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rich {
    /// A name with a range.
    One(Dependency),
    /// All of them.
    And(Vec<Rich>),
    /// One of them at least.
    Or(Vec<Rich>),
    /// One package that meets all of them.
    With(Vec<Rich>),
    /// A package that meets the first and not the second.
    Without(Box<Rich>, Box<Rich>),
    /// The first if the condition holds; else, if there is one, the second.
    If {
        /// What is needed if the condition holds.
        then: Box<Rich>,
        /// The condition.
        condition: Box<Rich>,
        /// What is needed if it does not hold.
        otherwise: Option<Box<Rich>>,
    },
    /// The same with the condition turned around.
    Unless {
        /// What is needed if the condition does not hold.
        then: Box<Rich>,
        /// The condition.
        condition: Box<Rich>,
        /// What is needed if it holds.
        otherwise: Option<Box<Rich>>,
    },
}

impl Rich {
    /// Read a dependency, with operators if it begins with a parenthesis. `Err` says what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parser = Parser { rest: text };
        let rich = match text.starts_with('(') {
            true => parser.group(0)?,
            false => parser.one()?,
        };
        parser.space();
        match parser.rest.is_empty() {
            true => Ok(rich),
            false => Err("something follows it"),
        }
    }

    /// The names under which rpm's database finds who has this dependency: `!` marks those that
    /// matter when they are removed.
    pub(super) fn index_names(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect(false, &mut found);
        found.sort();
        found.dedup();
        found
            .into_iter()
            .map(|(negated, name)| if negated { format!("!{name}") } else { name })
            .collect()
    }

    fn collect(&self, negated: bool, found: &mut Vec<(bool, String)>) {
        match self {
            Self::One(dependency) => {
                if !dependency.name.starts_with("rpmlib(") {
                    found.push((negated, dependency.name.clone()));
                }
            }
            Self::And(all) | Self::Or(all) | Self::With(all) => {
                all.iter().for_each(|rich| rich.collect(negated, found));
            }
            Self::Without(with, without) => {
                with.collect(negated, found);
                without.collect(negated, found);
            }
            Self::If {
                then,
                condition,
                otherwise,
            }
            | Self::Unless {
                then,
                condition,
                otherwise,
            } => {
                then.collect(negated, found);
                condition.collect(!negated, found);
                if let Some(otherwise) = otherwise {
                    condition.collect(negated, found);
                    otherwise.collect(negated, found);
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    With,
    Without,
    If,
    Unless,
    Else,
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }

    /// Up to white space or the parenthesis that closes this group; those inside a name, as in
    /// `libc.so.6()(64bit)`, belong to it.
    fn word(&mut self) -> &'a str {
        let mut depth = 0_usize;
        let end = self.rest.find(|c: char| match c {
            ' ' | '\t' | ',' => true,
            '(' => {
                depth += 1;
                false
            }
            ')' if depth == 0 => true,
            ')' => {
                depth -= 1;
                false
            }
            _ => false,
        });
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn one(&mut self) -> Result<Rich, &'static str> {
        let name = self.word();
        if name.is_empty() {
            return Err("a name is missing");
        }
        self.space();
        let before = self.rest;
        let range = match Relation::parse(self.word()) {
            Some(relation) => {
                self.space();
                match self.word() {
                    "" => return Err("a version is missing"),
                    version => Some((relation, Evr::parse(version))),
                }
            }
            None => {
                self.rest = before;
                None
            }
        };
        Ok(Rich::One(Dependency {
            name: name.to_owned(),
            range,
        }))
    }

    fn operator(&mut self) -> Result<Operator, &'static str> {
        Ok(match self.word() {
            "and" => Operator::And,
            "or" => Operator::Or,
            "with" => Operator::With,
            "without" => Operator::Without,
            "if" => Operator::If,
            "unless" => Operator::Unless,
            "else" => Operator::Else,
            _ => return Err("an operator is not known"),
        })
    }

    fn group(&mut self, depth: usize) -> Result<Rich, &'static str> {
        if depth == DEEPEST {
            return Err("its parentheses are nested too deep");
        }
        self.rest = self
            .rest
            .strip_prefix('(')
            .ok_or("a parenthesis is missing")?;
        let mut parts = Vec::new();
        let mut operators: Vec<Operator> = Vec::new();
        loop {
            self.space();
            parts.push(match self.rest.starts_with('(') {
                true => self.group(depth + 1)?,
                false => self.one()?,
            });
            self.space();
            if let Some(rest) = self.rest.strip_prefix(')') {
                self.rest = rest;
                break;
            }
            if self.rest.is_empty() {
                return Err("a parenthesis is not closed");
            }
            operators.push(self.operator()?);
        }
        combine(parts, &operators)
    }
}

fn combine(mut parts: Vec<Rich>, operators: &[Operator]) -> Result<Rich, &'static str> {
    use Operator::{And, Else, If, Or, Unless, With, Without};
    let all = |operator| operators.iter().all(|&o| o == operator);
    let mut last = || parts.pop().map(Box::new).ok_or("a part is missing");
    Ok(match operators {
        [] => *last()?,
        [Without] => {
            let without = last()?;
            Rich::Without(last()?, without)
        }
        [kind @ (If | Unless)] | [kind @ (If | Unless), Else] => {
            let otherwise = match operators.len() {
                2 => Some(last()?),
                _ => None,
            };
            let condition = last()?;
            let then = last()?;
            match kind {
                If => Rich::If {
                    then,
                    condition,
                    otherwise,
                },
                _ => Rich::Unless {
                    then,
                    condition,
                    otherwise,
                },
            }
        }
        _ if all(And) => Rich::And(parts),
        _ if all(Or) => Rich::Or(parts),
        _ if all(With) => Rich::With(parts),
        _ => return Err("its operators cannot be chained"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> Rich {
        Rich::One(Dependency {
            name: name.to_owned(),
            range: None,
        })
    }

    #[test]
    fn all_operators() {
        let parse = |text: &str| Rich::parse(text).unwrap();
        assert_eq!(
            parse("(a and b and c)"),
            Rich::And(vec![one("a"), one("b"), one("c")])
        );
        assert_eq!(
            parse("(a or (b with c))"),
            Rich::Or(vec![one("a"), Rich::With(vec![one("b"), one("c")])])
        );
        assert_eq!(
            parse("( libc.so.6()(64bit)  if b(x) else c )"),
            Rich::If {
                then: Box::new(one("libc.so.6()(64bit)")),
                condition: Box::new(one("b(x)")),
                otherwise: Some(Box::new(one("c"))),
            }
        );
        let Rich::Without(first, _) = parse("(a >= 1:2-3 without b)") else {
            panic!()
        };
        assert!(matches!(
            *first,
            Rich::One(Dependency {
                range: Some((Relation::GreaterOrEqual, _)),
                ..
            })
        ));
        assert_eq!(parse("(a)"), one("a"));
        assert_eq!(parse("perl(A::B)"), one("perl(A::B)"));
    }

    #[test]
    fn what_is_none() {
        for text in [
            "",
            "(",
            "()",
            "(a",
            "(a and)",
            "(a and b or c)",
            "(a if b if c)",
            "(a xor b)",
            "(a >= )",
            "(a) b",
            "(a without b without c)",
            "(a else b)",
        ] {
            assert!(Rich::parse(text).is_err(), "{text}");
        }
        let deep = "(".repeat(100_000) + "a" + &")".repeat(100_000);
        assert_eq!(
            Rich::parse(&deep),
            Err("its parentheses are nested too deep")
        );
    }

    #[test]
    fn names_of_the_index() {
        let names = |text: &str| Rich::parse(text).unwrap().index_names();
        assert_eq!(names("(a and b)"), ["a", "b"]);
        assert_eq!(names("(a if b)"), ["a", "!b"]);
        assert_eq!(names("(a if b else c)"), ["a", "b", "c", "!b"]);
        assert_eq!(names("(a unless (b or rpmlib(X)))"), ["a", "!b"]);
    }
}
