//! The parameters of an analysis or exporter, described once: the command line makes flags of them and the window a
//! form.

use crate::error::{Error, Result};

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The flag without dashes, kebab-case: `window`.
    pub name: &'static str,
    /// The label in the form, sentence case: `Window`.
    pub title: &'static str,
    /// One line.
    pub help: &'static str,
    pub kind: Kind,
    /// The default, as a user would type it; it must parse. A whole number may have none: it then follows from the other
    /// parameters unless it is given, which its help must say.
    pub default: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    Choice(&'static [&'static str]),
    Integer {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// `true` or `false`; a flag without value on the command line.
    Flag,
    /// `auto`, `yes` or `no`; on the command line two flags that exclude each other, its name for `yes` and `off` for `no`.
    Switch {
        off: &'static str,
    },
    Text,
    /// The path of a file that is read, or several separated by commas; empty for none.
    File {
        several: bool,
    },
}

/// What a [`Kind::Switch`] may be.
pub const SWITCH: [&str; 3] = ["auto", "yes", "no"];

/// Values for a list of parameters: always complete and always valid.
#[derive(Clone, Debug)]
pub struct Settings {
    parameters: &'static [Parameter],
    values: Vec<String>,
}

impl Settings {
    /// Every parameter at its default.
    #[must_use]
    pub fn defaults(parameters: &'static [Parameter]) -> Self {
        Self { parameters, values: parameters.iter().map(|p| p.default.to_owned()).collect() }
    }

    /// The parameters that these are values of.
    #[must_use]
    pub fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    /// Sets a parameter from text.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] naming the parameter and what it may be; nothing changes then.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let Some(i) = self.parameters.iter().position(|p| p.name == name) else {
            return Err(Error::invalid(format!("there is no setting '{name}'")));
        };
        let p = &self.parameters[i];
        let text = text.trim();
        let bad = |what: String| Err(Error::invalid(format!("{} cannot be '{text}'", p.name)).with_remedy(what));
        match p.kind {
            Kind::Choice(choices) if !choices.contains(&text) => {
                return bad(format!("use one of: {}", choices.join(", ")));
            }
            Kind::Integer { .. } if text.is_empty() && p.default.is_empty() => {}
            Kind::Integer { min, max } if !text.parse().is_ok_and(|v| (min..=max).contains(&v)) => {
                return bad(format!("use a whole number from {min} to {max}"));
            }
            Kind::Number { min, max } if !text.parse().is_ok_and(|v| (min..=max).contains(&v)) => {
                return bad(format!("use a number from {min} to {max}"));
            }
            Kind::Switch { .. } if !SWITCH.contains(&text) => return bad(format!("use one of: {}", SWITCH.join(", "))),
            Kind::Flag if !["true", "false"].contains(&text) => return bad("use true or false".to_owned()),
            _ => {}
        }
        text.clone_into(&mut self.values[i]);
        Ok(())
    }

    /// The value of `name` as text.
    ///
    /// # Panics
    /// If there is no such parameter: names are constants next to the table.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        let i = self
            .parameters
            .iter()
            .position(|p| p.name == name)
            .expect("a setting is read by the name it is declared with");
        &self.values[i]
    }

    /// The value of an [`Kind::Integer`].
    #[must_use]
    pub fn integer(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// The value of an [`Kind::Integer`] without a default; `None` if it is not given.
    #[must_use]
    pub fn optional_integer(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    /// The value of a [`Kind::Number`].
    #[must_use]
    pub fn number(&self, name: &str) -> f64 {
        self.text(name).parse().unwrap_or_default()
    }

    /// The value of a [`Kind::Switch`]; `None` for `auto`.
    #[must_use]
    pub fn switch(&self, name: &str) -> Option<bool> {
        match self.text(name) {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }
    }

    /// The paths of a [`Kind::File`].
    #[must_use]
    pub fn files(&self, name: &str) -> Vec<std::path::PathBuf> {
        let several = self.parameters.iter().any(|p| p.name == name && p.kind == Kind::File { several: true });
        let text = self.text(name);
        let paths: Vec<&str> = if several { text.split(',').collect() } else { vec![text] };
        paths.into_iter().map(str::trim).filter(|path| !path.is_empty()).map(Into::into).collect()
    }

    /// The value of a [`Kind::Flag`].
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }
}
