//! The subject of a recording, in the forms that NWB and its archives ask for.

use super::Subject;
use super::fields::Fields;
use super::yaml::{Place, short};
use crate::error::Result;
use crate::recording::Warning;

/// Common names of species with their Latin ones.
const SPECIES: [(&str, &str); 12] = [
    ("rat", "Rattus norvegicus"),
    ("brown rat", "Rattus norvegicus"),
    ("long-evans rat", "Rattus norvegicus"),
    ("mouse", "Mus musculus"),
    ("house mouse", "Mus musculus"),
    ("human", "Homo sapiens"),
    ("macaque", "Macaca mulatta"),
    ("rhesus macaque", "Macaca mulatta"),
    ("rhesus monkey", "Macaca mulatta"),
    ("marmoset", "Callithrix jacchus"),
    ("zebra finch", "Taeniopygia guttata"),
    ("ferret", "Mustela furo"),
];

/// What stands for an unknown species: the taxon of all animals in NCBI's taxonomy, which is true and has a form that
/// archives accept.
const ANIMAL: &str = "http://purl.obolibrary.org/obo/NCBITaxon_33208";
/// What stands for an unknown age: at least zero days, in the form for ranges that archives accept.
const ANY_AGE: &str = "P0D/";

pub(super) fn subject(mut fields: Fields<'_>, warnings: &mut Vec<Warning>) -> Result<Subject> {
    let id_place = fields.place_of("subject_id");
    let mut subject = Subject {
        id: fields.text("subject_id")?.map(|id| without_slashes(id, "subject.subject_id", id_place, warnings)),
        description: fields.text("description")?,
        genotype: fields.text("genotype")?,
        strain: fields.text("strain")?,
        ..Subject::default()
    };
    if let Some(text) = fields.text("sex")? {
        subject.sex = Some(sex(&text, fields.place_of("sex"), warnings).to_owned());
    }
    if let Some(text) = fields.text("species")? {
        subject.species = Some(species(text, fields.place_of("species"), warnings));
    }
    if let Some(node) = fields.take("date_of_birth") {
        let text = match &node.value {
            super::yaml::Value::Scalar(text) => text.trim(),
            other => return Err(super::fields::wrong(node.place, "subject.date_of_birth", "a date", other)),
        };
        subject.date_of_birth = Some(instant(text).ok_or_else(|| {
            node.place
                .error(format_args!("subject.date_of_birth must be a date, but '{}' is there", short(text)))
                .with_remedy("write it as 2020-01-31 or 2020-01-31T00:00:00")
        })?);
    }
    if let Some(text) = fields.text("age")? {
        if is_duration(&text) {
            subject.age = Some(text);
        } else {
            warnings.push(fields.place_of("age").warning(format_args!(
                "subject.age '{}' is not an ISO 8601 duration (P90D for 90 days) and is left out",
                short(&text)
            )));
        }
    }
    if let Some(text) = fields.text("age__reference")? {
        if text == "birth" || text == "gestational" {
            subject.age_reference = Some(text);
        } else {
            warnings.push(fields.place_of("age__reference").warning(format_args!(
                "subject.age__reference '{}' is neither birth nor gestational and is left out",
                short(&text)
            )));
        }
    }
    if let Some(text) = fields.text("weight")? {
        subject.weight_grams = grams(&text);
        if subject.weight_grams.is_none() {
            warnings.push(fields.place_of("weight").warning(format_args!(
                "subject.weight '{}' is not a weight (in grams, or with its unit: 0.3 kg) and is left out",
                short(&text)
            )));
        }
    }
    fields.finish(warnings);
    Ok(subject)
}

/// An id that archives make paths of.
pub(super) fn without_slashes(id: String, name: &str, place: Place, warnings: &mut Vec<Warning>) -> String {
    if !id.contains('/') {
        return id;
    }
    let made = id.replace('/', "-");
    warnings.push(place.warning(format_args!("the slashes of {name} are written as '-': '{}'", short(&made))));
    made
}

/// `XX` and `XO` are the sexes of C. elegans.
fn sex(text: &str, place: Place, warnings: &mut Vec<Warning>) -> &'static str {
    let known = match text.to_ascii_lowercase().as_str() {
        "m" | "male" => Some("M"),
        "f" | "female" => Some("F"),
        "o" | "other" => Some("O"),
        "u" | "unknown" => Some("U"),
        "xx" => Some("XX"),
        "xo" => Some("XO"),
        _ => None,
    };
    known.unwrap_or_else(|| {
        warnings.push(place.warning(format_args!(
            "subject.sex '{}' is none of M, F, O (other) and U (unknown); U stands for it",
            short(text)
        )));
        "U"
    })
}

/// The Latin name where it is known; what has another form than archives accept stays, with a warning.
fn species(text: String, place: Place, warnings: &mut Vec<Warning>) -> String {
    if let Some((_, latin)) = SPECIES.iter().find(|(common, _)| common.eq_ignore_ascii_case(&text)) {
        warnings.push(place.warning(format_args!("subject.species '{text}' is written as '{latin}'")));
        return (*latin).to_owned();
    }
    if !is_latin(&text) && !text.starts_with("http://purl.obolibrary.org/obo/NCBITaxon_") {
        warnings.push(place.warning(format_args!(
            "subject.species '{}' is not a Latin name of two words (Rattus norvegicus); archives such as DANDI refuse it",
            short(&text)
        )));
    }
    text
}

/// `Rattus norvegicus`: two words, the first with a capital.
fn is_latin(text: &str) -> bool {
    let lower = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase());
    text.split_once(' ').is_some_and(|(genus, species)| {
        genus.starts_with(|c: char| c.is_ascii_uppercase())
            && lower(&genus[1..])
            && !species.is_empty()
            && lower(species)
    })
}

/// ISO 8601 with offset, from a date or a date and time; without an offset it is UTC.
fn instant(text: &str) -> Option<String> {
    let utc = |civil: jiff::civil::DateTime| civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
    let with_offset = || text.parse::<jiff::Timestamp>().ok();
    let civil = || text.parse::<jiff::civil::DateTime>().ok().and_then(utc);
    let date = || text.parse::<jiff::civil::Date>().ok().and_then(|d| utc(d.at(0, 0, 0, 0)));
    let found = with_offset().or_else(civil).or_else(date)?;
    Some(found.to_string().replace('Z', "+00:00"))
}

/// An ISO 8601 duration, or a range of two of them (`P1D/P3D`, `P1D/`).
fn is_duration(text: &str) -> bool {
    let single = |text: &str| text.starts_with('P') && text.parse::<jiff::Span>().is_ok();
    match text.split_once('/') {
        None => single(text),
        Some((from, to)) => (from.is_empty() || single(from)) && (to.is_empty() || single(to)) && text != "/",
    }
}

/// A weight in grams unless it names another unit.
fn grams(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_alphabetic() && c != 'e' && c != 'E').unwrap_or(text.len());
    let value: f64 = text[..split].trim().parse().ok()?;
    let factor = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "g" | "gram" | "grams" => 1.0,
        "kg" => 1000.0,
        "mg" => 0.001,
        _ => return None,
    };
    // No animal is heavier.
    Some(value * factor).filter(|grams| *grams > 0.0 && *grams < 1e9)
}

impl Subject {
    /// The weight as NWB writes it: `100 g`.
    pub(crate) fn weight(&self) -> Option<String> {
        self.weight_grams.map(|grams| format!("{grams} g"))
    }

    /// This subject with what archives ask for filled in, where it is not known, by what is true of every animal: the
    /// id `unknown`, the sex `U`, the taxon of all animals, an age of at least zero days.
    pub(crate) fn completed(&self) -> Self {
        let mut subject = self.clone();
        subject.id.get_or_insert_with(|| "unknown".to_owned());
        subject.sex.get_or_insert_with(|| "U".to_owned());
        subject.species.get_or_insert_with(|| ANIMAL.to_owned());
        if subject.date_of_birth.is_none() {
            subject.age.get_or_insert_with(|| ANY_AGE.to_owned());
        }
        subject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_with_and_without_their_unit() {
        for (text, expected) in [
            ("100", Some(100.0)),
            ("0.3 kg", Some(300.0)),
            ("250g", Some(250.0)),
            ("1.5e2", Some(150.0)),
            ("Unknown", None),
            ("-3", None),
            ("3 stone", None),
            ("", None),
            ("nan", None),
            ("inf", None),
        ] {
            assert_eq!(grams(text), expected, "{text}");
        }
        let subject = Subject { weight_grams: Some(312.5), ..Subject::default() };
        assert_eq!(subject.weight().as_deref(), Some("312.5 g"));
    }

    #[test]
    fn dates_of_every_form_become_one() {
        for (text, expected) in [
            ("2000-01-01T00:00:00.000Z", Some("2000-01-01T00:00:00+00:00")),
            ("2000-01-01", Some("2000-01-01T00:00:00+00:00")),
            ("2000-01-01 12:30:00", Some("2000-01-01T12:30:00+00:00")),
            ("2000-01-01T02:00:00+02:00", Some("2000-01-01T00:00:00+00:00")),
            ("1 Jan 2000", None),
            ("2000-13-01", None),
            ("Unknown", None),
        ] {
            assert_eq!(instant(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn species_and_ages_have_the_forms_that_archives_accept() {
        let mut warnings = Vec::new();
        assert_eq!(species("Rat".to_owned(), Place::default(), &mut warnings), "Rattus norvegicus");
        assert_eq!(warnings.len(), 1);
        assert!(is_latin("Rattus norvegicus") && is_latin("C elegans"));
        assert!(
            !is_latin("Mustela putorius furo")
                && !is_latin("rattus norvegicus")
                && !is_latin("Rattus")
                && !is_latin("Éa b")
                && !is_latin("")
        );
        assert!(is_duration("P90D") && is_duration("P1D/P3D") && is_duration("P0D/"));
        assert!(!is_duration("90 days") && !is_duration("/") && !is_duration("-P1D"));
        let made = Subject::default().completed();
        assert_eq!((made.id.as_deref(), made.sex.as_deref()), (Some("unknown"), Some("U")));
        assert!(made.age.is_some_and(|age| is_duration(&age)));
    }
}
