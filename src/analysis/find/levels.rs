//! What a sample is compared with: the levels of each channel, from what was typed and from what the channel holds, and what
//! is to be said about those for which there is none.

use super::ground::Ground;
use super::options::Level;
use super::{Notes, Search, edges, noise, runs};
use crate::error::{Error, Result};
use crate::recording::SampleType;
use crate::units;

impl Search<'_> {
    /// The level that is set, if one is.
    fn level(&self, name: &str) -> Result<Option<Level>> {
        let text = self.settings.text(name);
        if text.trim().is_empty() { Ok(None) } else { Level::parse(name, text).map(Some) }
    }

    /// The levels of each channel for excursions; infinite where there is none, or none that has a meaning.
    pub(super) fn levels(&self, ground: &Ground<'_>, notes: &mut Notes) -> Result<(Vec<f64>, Vec<f64>)> {
        let (above, below) = (self.level("above")?, self.level("below")?);
        let is_robust = |level: &Option<Level>| matches!(level, Some(Level::Robust(_)));
        let noise = if is_robust(&above) || is_robust(&below) { Some(self.noise(ground, notes)?) } else { None };
        let mut levels = (Vec::new(), Vec::new());
        let mut out_of_reach = Vec::new();
        for position in ground.positions() {
            let channel = &ground.stream.channels[ground.selection.channels[position]];
            let noise = noise.as_ref().and_then(|n| n[position]);
            let resolve = |level: &Option<Level>, side: f64| -> Result<f64> {
                Ok(match level {
                    None => side * f64::INFINITY,
                    Some(Level::Robust(sds)) => {
                        // `--below 5sd` and `--below -5sd` mean the same: the side is told by the option.
                        let sds = if side < 0.0 { sds.abs() } else { *sds };
                        noise.map_or(side * f64::INFINITY, |n| n.median + side * sds * n.sd)
                    }
                    Some(level) => level.absolute(channel)?.unwrap_or(side * f64::INFINITY),
                })
            };
            let (mut high, mut low) = (resolve(&above, 1.0)?, resolve(&below, -1.0)?);
            notes.tell(position, "above", high);
            notes.tell(position, "below", low);
            let (least, greatest) = reach(ground, position);
            let hopeless = high >= greatest && low <= least;
            // A level that the type cannot hold a value beyond needs no look at the samples.
            if high >= greatest {
                high = f64::INFINITY;
            }
            if low <= least {
                low = f64::NEG_INFINITY;
            }
            if hopeless
                && (notes.channels[position].contains_key("above") || notes.channels[position].contains_key("below"))
            {
                out_of_reach.push(position);
            }
            levels.0.push(high);
            levels.1.push(low);
        }
        if let Some(&first) = out_of_reach.first() {
            let (least, greatest) = reach(ground, first);
            let what = format!(
                "this cannot occur: {} samples reach from {} to {}{}",
                ground.stream.format.sample_type.name(),
                units::number(least),
                units::number(greatest),
                match &*ground.stream.channels[ground.selection.channels[first]].unit {
                    "" => String::new(),
                    unit => format!(" {}", units::unit(unit)),
                }
            );
            notes.idle += out_of_reach.len();
            notes.about(ground, &out_of_reach, &what);
        }
        Ok(levels)
    }

    /// The noise of each channel; `None` for those about which nothing can be said, which is said.
    pub(super) fn noise(&self, ground: &Ground<'_>, notes: &mut Notes) -> Result<Vec<Option<noise::Noise>>> {
        let mut all = noise::of(ground)?;
        let (mut empty, mut constant) = (Vec::new(), Vec::new());
        for (position, noise) in all.iter_mut().enumerate() {
            match noise {
                None => empty.push(position),
                Some(n) if n.sd == 0.0 => {
                    constant.push(position);
                    *noise = None;
                }
                Some(n) => {
                    notes.tell(position, "median", n.median);
                    notes.tell(position, "noise", n.sd);
                }
            }
        }
        notes.idle += empty.len() + constant.len();
        notes.about(ground, &empty, "none of the samples looked at is a number, so there is no noise to measure");
        notes.about(
            ground,
            &constant,
            "at least half of its samples are the same, so its noise is 0 and a multiple of it means nothing: give an absolute level (--above X, --below X)",
        );
        notes.text.push(if noise::is_exact(&ground.selection.frames) {
            "noise: median absolute deviation / 0.6745 over all samples".to_owned()
        } else {
            "noise: median absolute deviation / 0.6745 over 262,144 frames, 64 stretches evenly spread over the range"
                .to_owned()
        });
        Ok(all)
    }

    pub(super) fn edges(&self, ground: &Ground<'_>, notes: &mut Notes) -> Result<edges::Edges> {
        let which = self.settings.text("edges");
        let mut found =
            edges::Edges { low: Vec::new(), high: Vec::new(), rising: which != "falling", falling: which != "rising" };
        let threshold = self.level("threshold")?;
        if matches!(threshold, Some(Level::Robust(_))) {
            return Err(Error::invalid("the threshold of edges cannot be in sd")
                .with_remedy("give it in the unit of the channel"));
        }
        let hysteresis = self.settings.text("hysteresis").trim().parse::<f64>().ok();
        let is_bool = ground.stream.format.sample_type == SampleType::Bool;
        let noise = if threshold.is_none() && !is_bool { Some(noise::of(ground)?) } else { None };
        let (mut constant, mut empty) = (Vec::new(), Vec::new());
        for position in ground.positions() {
            let channel = &ground.stream.channels[ground.selection.channels[position]];
            let noise = noise.as_ref().and_then(|n| n[position]);
            let (middle, width) = match (&threshold, noise) {
                (Some(level), _) => (level.absolute(channel)?.unwrap_or(f64::INFINITY), hysteresis.unwrap_or(0.0)),
                (None, _) if is_bool => (channel.scale.apply(0.5), hysteresis.unwrap_or(0.0)),
                (None, Some(n)) if n.least < n.greatest => {
                    (n.least / 2.0 + n.greatest / 2.0, hysteresis.unwrap_or((n.greatest - n.least) / 5.0))
                }
                (None, flat) => {
                    if flat.is_some() { &mut constant } else { &mut empty }.push(position);
                    (f64::INFINITY, 0.0)
                }
            };
            notes.tell(position, "threshold", middle);
            notes.tell(position, "hysteresis", width);
            found.low.push(middle - width / 2.0);
            found.high.push(middle + width / 2.0);
        }
        notes.idle += constant.len() + empty.len();
        notes.about(ground, &empty, "none of the samples looked at is a number, so there are no levels to tell apart");
        notes.about(
            ground,
            &constant,
            "all samples looked at are the same, so there is no middle between low and high: give --threshold X",
        );
        if noise.is_some() && constant.len() + empty.len() < found.low.len() {
            notes.text.push(
                "threshold: midway between the least and the greatest value seen; give --threshold X for another"
                    .to_owned(),
            );
        }
        Ok(found)
    }
}

/// The least and the greatest physical value that a channel can hold.
fn reach(ground: &Ground<'_>, position: usize) -> (f64, f64) {
    let (low, high) = runs::extremes(ground.stream.format.sample_type);
    let scale = ground.scale(position);
    let (a, b) = (scale.apply(low), scale.apply(high));
    (a.min(b), a.max(b))
}
