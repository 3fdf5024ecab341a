//! Filters in order, and their text: `high-pass=300,order=2; reference=car`.

use std::fmt;

use super::{Built, FILTERS, Filter};
use crate::error::{Error, Result};
use crate::form::Settings;
use crate::recording::{SampleType, Stream};

/// More filters than this in a chain are taken for a mistake.
const MAX_STEPS: usize = 32;

/// Filters, applied in order, and the type of the samples that come out.
#[derive(Clone, Debug)]
pub struct Chain {
    pub steps: Vec<Step>,
    /// [`SampleType::F32`] or [`SampleType::F64`].
    pub output: SampleType,
}

impl Default for Chain {
    fn default() -> Self {
        Self { steps: Vec::new(), output: SampleType::F32 }
    }
}

/// One filter with its settings.
#[derive(Clone, Debug)]
pub struct Step {
    pub filter: &'static Filter,
    pub settings: Settings,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        let values = |step: &Self| -> Vec<String> {
            step.filter.parameters.iter().map(|p| step.settings.text(p.name).to_owned()).collect()
        };
        self.filter.name == other.filter.name && values(self) == values(other)
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps && self.output == other.output
    }
}

impl Step {
    /// A filter at its defaults.
    #[must_use]
    pub fn new(filter: &'static Filter) -> Self {
        Self { filter, settings: Settings::defaults(filter.parameters) }
    }

    /// The filter called `name` with a value as in a chain: `300..6000,order=2`; empty: the defaults.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] saying what is wrong with it.
    pub fn named(name: &str, value: &str) -> Result<Self> {
        let filter = FILTERS.iter().find(|f| f.name == name).ok_or_else(|| {
            let names: Vec<&str> = FILTERS.iter().map(|f| f.name).collect();
            Error::invalid(format!("there is no filter '{name}'"))
                .with_remedy(format!("use one of: {}", names.join(", ")))
        })?;
        let mut step = Self::new(filter);
        let mut parts = value.split(',').map(str::trim).peekable();
        let main = parts.next_if(|part| !part.contains('=')).unwrap_or("");
        match filter.parameters.first() {
            Some(first) if !main.is_empty() => step.set(first.name, main)?,
            None if !main.is_empty() => {
                return Err(Error::invalid(format!("{name} takes no value, and got '{main}'")));
            }
            _ if filter.needs_value => {
                return Err(Error::invalid(format!("{name} needs a value"))
                    .with_remedy(format!("write {name}={}", filter.parameters.first().map_or("", |p| p.default))));
            }
            _ => {}
        }
        for part in parts {
            let Some((key, value)) = part.split_once('=') else {
                return Err(Error::invalid(format!("'{part}' is no setting of {name}")).with_remedy(step.keys()));
            };
            step.set(key.trim(), value)?;
        }
        (filter.check)(&step.settings)?;
        Ok(step)
    }

    /// Sets one of its parameters, where it has it.
    ///
    /// # Errors
    /// As [`Settings::set`], with the names that there are.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if !self.has(key) {
            return Err(Error::invalid(format!("{} has no setting '{key}'", self.filter.name)).with_remedy(self.keys()));
        }
        self.settings.set(key, value)
    }

    /// Whether it has a parameter of that name.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.filter.parameters.iter().any(|p| p.name == key)
    }

    fn keys(&self) -> String {
        match self.filter.parameters.get(1..).unwrap_or_default() {
            [] => format!("{} has no further settings", self.filter.name),
            keys => format!("use one of: {}", keys.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Its value and settings as in a chain, without its name: what differs from the defaults.
    #[must_use]
    pub fn value(&self) -> String {
        let Some((first, rest)) = self.filter.parameters.split_first() else { return String::new() };
        let mut text = String::new();
        if self.filter.needs_value || self.settings.text(first.name) != first.default {
            text.push_str(self.settings.text(first.name));
        }
        for parameter in rest {
            let value = self.settings.text(parameter.name);
            if value != parameter.default {
                if !text.is_empty() {
                    text.push(',');
                }
                text += &format!("{}={value}", parameter.name);
            }
        }
        text
    }

    pub(super) fn build(&self, stream: &Stream) -> Result<Built> {
        (self.filter.check)(&self.settings)?;
        (self.filter.build)(&self.settings, stream)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        if value.is_empty() { f.write_str(self.filter.name) } else { write!(f, "{}={value}", self.filter.name) }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl Chain {
    /// Reads `band-pass=300..6000,order=4; notch=50`. An empty text is an empty chain.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] saying which filter is wrong, and how.
    pub fn parse(text: &str) -> Result<Self> {
        let mut chain = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            chain = chain.then(Step::named(name.trim(), value)?)?;
        }
        Ok(chain)
    }

    /// The chain with one more filter at its end.
    ///
    /// # Errors
    /// When there are too many.
    pub fn then(mut self, step: Step) -> Result<Self> {
        if self.steps.len() >= MAX_STEPS {
            return Err(Error::invalid(format!("a chain has at most {MAX_STEPS} filters")));
        }
        self.steps.push(step);
        Ok(self)
    }

    /// Whether nothing is filtered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_read_back_from_its_text() {
        for filter in FILTERS {
            let step = Step::new(filter);
            (filter.check)(&step.settings).unwrap();
            let chain = Chain::default().then(step).unwrap();
            assert_eq!(Chain::parse(&chain.to_string()).unwrap(), chain, "{chain}");
            assert!(filter.needs_value <= !filter.parameters.is_empty() && !filter.help.is_empty());
            assert!(!filter.needs_value || Chain::parse(filter.name).is_err(), "{}", filter.name);
            let value = filter.value_name.is_empty();
            assert!(!value || !filter.needs_value, "{}", filter.name);
        }
        let text = "high-pass=300,order=2,phase=causal; notch=50,harmonics=3; rectify; reference=car,by=group";
        assert_eq!(Chain::parse(text).unwrap().to_string(), text);
        assert!(Chain::parse(" ; ").unwrap().is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_remedy() {
        for (text, hint) in [
            ("bandpass=1..2", "use one of: band-pass"),
            ("band-pass", "write band-pass=300..6000"),
            ("band-pass=300", "300..6000"),
            ("band-pass=6000..300", "lower edge"),
            ("band-pass=300..300", "lower edge"),
            ("band-pass=-1..300", "above zero"),
            ("band-pass=nan..300", "above zero"),
            ("band-pass=1..2,order=0", "from 1 to 20"),
            ("band-pass=1..2,order=21", "from 1 to 20"),
            ("band-pass=1..2,size=3", "use one of: order"),
            ("band-pass=1..2,3", "use one of: order"),
            ("high-pass=inf", "above zero"),
            ("rectify=3", "takes no value"),
            ("decimate=1", "from 2"),
            ("decimate=1e9", "from 2"),
            ("moving-average=-1s", "above zero"),
            ("notch=50,q=0", "from 0.1"),
        ] {
            let error = Chain::parse(text).unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        let long = "rectify;".repeat(MAX_STEPS + 1);
        assert!(Chain::parse(&long).is_err());
    }
}
