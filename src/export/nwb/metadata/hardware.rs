//! What light sources, optical fibres and viruses are, by the names that the metadata gives them.
//!
//! The built-in ones are those of trodes_to_nwb 0.1.9 (its `device_metadata`, MIT licence); others come in files of the
//! same form with `--probe`: YAML with `virus_name`, `hardware_name` (a fibre) or `model_name` (a source).

use super::fields::Fields;
use super::yaml::{self, Value};
use crate::error::Result;
use crate::recording::Warning;

/// Everything that is known.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Hardware {
    pub viruses: Vec<Virus>,
    pub fibers: Vec<Fiber>,
    pub sources: Vec<LightSource>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Virus {
    pub name: String,
    pub construct: String,
    pub description: String,
    pub manufacturer: String,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Fiber {
    pub name: String,
    pub description: String,
    pub model: String,
    pub manufacturer: String,
    pub numerical_aperture: Option<f64>,
    pub core_diameter_um: Option<f64>,
    pub active_length_mm: Option<f64>,
    pub ferrule: String,
    pub ferrule_diameter_mm: Option<f64>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct LightSource {
    pub name: String,
    pub description: String,
    pub manufacturer: String,
    pub illumination: String,
    pub wavelength_range_nm: Option<[f64; 2]>,
}

impl Default for Hardware {
    fn default() -> Self {
        let mut viruses = vec![virus(
            "demo_virus_1",
            "AAV-EF1a-DIO-hChR2(H134R)-EYFP",
            "Excitatory optogenetic construct for ChR2-EYFP expression",
            "UNC Vector Core",
        )];
        for (name, maker) in [
            ("AAV-1-EF1a-DIO-ChRmine-mScarlet-WPRE", "AddGene"),
            ("AAV-8-EF1a-DIO-ChRmine-mScarlet-WPRE", "Stanford University"),
        ] {
            let what = "Cre-Dependent excitatory optogenetic construct for ChRmine-mScarlet expression";
            viruses.push(virus(name, name, what, maker));
        }
        let fiber = |name: &str, model: &str, ferrule: &str| Fiber {
            name: name.to_owned(),
            description: "Lambda fiber (tapered fiber) from Optogenix.".to_owned(),
            model: model.to_owned(),
            manufacturer: "Optogenix".to_owned(),
            numerical_aperture: Some(0.39),
            core_diameter_um: Some(200.0),
            active_length_mm: Some(2.0),
            ferrule: ferrule.to_owned(),
            ferrule_diameter_mm: Some(2.5),
        };
        let source = |name: &str, nm: f64| LightSource {
            name: name.to_owned(),
            description: "Laser for optogenetic stimulation".to_owned(),
            manufacturer: "Omicron".to_owned(),
            illumination: "laser".to_owned(),
            wavelength_range_nm: Some([nm, nm]),
        };
        Self {
            viruses,
            fibers: vec![
                fiber("optogenix_lambda_fiber", "lambda", "cFCF - 2.5mm Ceramic Ferrule"),
                fiber("demo fiber device", "lambda_b5", "cFCF - \u{2205}2.5mm Ceramic Ferrule"),
            ],
            sources: vec![source("Omicron LuxX+ 488-100", 488.0), source("LuxX+ 638-200", 638.0)],
        }
    }
}

fn virus(name: &str, construct: &str, description: &str, manufacturer: &str) -> Virus {
    let [name, construct, description, manufacturer] = [name, construct, description, manufacturer].map(str::to_owned);
    Virus { name, construct, description, manufacturer }
}

impl Hardware {
    /// Takes in a file of a device, before those that are there already; `false` if it is not one (a probe, say).
    ///
    /// # Errors
    /// When it is not YAML, or something in it is of a wrong type.
    pub(super) fn take(&mut self, bytes: &[u8], warnings: &mut Vec<Warning>) -> Result<bool> {
        // What is not YAML, or is too long, is told by who reads it as a probe.
        let Ok(root) = yaml::parse(bytes, &mut vec![]) else { return Ok(false) };
        if !matches!(root.value, Value::Map(_)) {
            return Ok(false);
        }
        let mut fields = Fields::new(String::new(), &root)?;
        let text = |fields: &mut Fields<'_>, key: &str| fields.text(key).map(Option::unwrap_or_default);
        if let Some(name) = fields.text("virus_name")? {
            let virus = Virus {
                construct: fields.text("construct_name")?.unwrap_or_else(|| name.clone()),
                name,
                description: text(&mut fields, "description")?,
                manufacturer: text(&mut fields, "manufacturer")?,
            };
            self.viruses.insert(0, virus);
        } else if let Some(name) = fields.text("hardware_name")? {
            // The name of the product is written nowhere; readers know it by the model.
            fields.take("fiber_name");
            fields.take("ferrule_model");
            let fiber = Fiber {
                name,
                description: text(&mut fields, "description")?,
                model: text(&mut fields, "fiber_model")?,
                manufacturer: text(&mut fields, "manufacturer")?,
                numerical_aperture: fields.number("numerical_aperture")?,
                core_diameter_um: fields.number("core_diameter_in_um")?,
                active_length_mm: fields.number("active_length_in_mm")?,
                ferrule: text(&mut fields, "ferrule_name")?,
                ferrule_diameter_mm: fields.number("ferrule_diameter_in_mm")?,
            };
            self.fibers.insert(0, fiber);
        } else if let Some(name) = fields.text("model_name")? {
            let mut range = vec![];
            for node in fields.list("wavelength_range_in_nm")? {
                range.push(super::fields::number(node, "wavelength_range_in_nm")?);
            }
            let source = LightSource {
                name,
                description: text(&mut fields, "description")?,
                manufacturer: text(&mut fields, "manufacturer")?,
                illumination: text(&mut fields, "illumination_type")?,
                wavelength_range_nm: range.try_into().ok(),
            };
            self.sources.insert(0, source);
        } else {
            return Ok(false);
        }
        fields.finish(warnings);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_devices_are_taken_and_probes_are_not() {
        let mut hardware = Hardware::default();
        let mut warnings = vec![];
        let mut take = |text: &str| hardware.take(text.as_bytes(), &mut warnings);
        assert!(take("virus_name: v\nconstruct_name: c\nodd: 1\n").unwrap());
        assert!(take("hardware_name: f\nnumerical_aperture: 0.5\n").unwrap());
        assert!(take("model_name: m\nwavelength_range_in_nm: [400, 500]\n").unwrap());
        assert!(!take("probe_type: p\n").unwrap());
        assert!(!take("{\"probes\": []}").unwrap());
        assert!(!take("[").unwrap());
        assert!(take("hardware_name: f\nnumerical_aperture: much\n").is_err());
        assert_eq!((hardware.viruses[0].construct.as_str(), hardware.fibers[0].numerical_aperture), ("c", Some(0.5)));
        assert_eq!(hardware.sources[0].wavelength_range_nm, Some([400.0, 500.0]));
        assert!(warnings.len() == 1 && warnings[0].text.contains("odd is not used"), "{warnings:?}");
    }
}
