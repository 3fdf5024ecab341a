//! Re-referencing: the average or median of all channels, or one channel, subtracted from every one.
//!
//! What is not a number takes no part; a frame without any number in the reference is not a number. The median of an even
//! number of values is the mean of the middle two, as in numpy. **Cost**: all channels of a group are read, whichever are
//! wanted; a median sorts every frame halfway.

use super::{Built, Filter, Work};
use crate::error::{Error, Result};
use crate::form::{Kind, Parameter, Settings};
use crate::recording::Stream;
use crate::text::parse_channels;

pub(super) const FILTER: Filter = Filter {
    name: "reference",
    title: "Re-reference",
    help: "Subtract the average of all channels (car), their median (cmr), or a channel",
    value_name: "car|cmr|CH",
    needs_value: true,
    parameters: &[
        Parameter {
            name: "to",
            title: "Reference",
            help: "car (common average), cmr (common median), or a channel by its index, id or name",
            kind: Kind::Text,
            default: "car",
        },
        Parameter {
            name: "by",
            title: "Over",
            help: "all: one reference for all channels; group: one for each group (tetrode, shank, device)",
            kind: Kind::Choice(&["all", "group"]),
            default: "all",
        },
        Parameter {
            name: "exclude",
            title: "Without",
            help: "Channels that take no part in it, joined by +: 3+7-9",
            kind: Kind::Text,
            default: "",
        },
    ],
    check: |settings| match settings.text("to") {
        "" => Err(Error::invalid("a reference is missing").with_remedy("use car, cmr or a channel")),
        _ => Ok(()),
    },
    build,
};

/// Which channels every channel is referred to.
pub(crate) struct Reference {
    median: bool,
    /// The channels that make each reference.
    groups: Vec<Vec<usize>>,
    /// The reference of each channel.
    of: Vec<usize>,
}

fn build(settings: &Settings, stream: &Stream) -> Result<Built> {
    let channels = &stream.channels;
    let to = settings.text("to");
    let excluded = match settings.text("exclude") {
        "" => Vec::new(),
        list => parse_channels(&list.replace('+', ","), channels)?,
    };
    let mut takes_part = vec![true; channels.len()];
    excluded.iter().for_each(|&c| takes_part[c] = false);
    let by_group = settings.text("by") == "group";
    let common = ["car", "cmr"].contains(&to);
    let (groups, of) = if !common {
        if by_group || !excluded.is_empty() {
            return Err(Error::invalid(format!(
                "a single channel ({to}) as the reference has no groups or exclusions"
            ))
            .with_remedy("leave by and exclude out, or use car or cmr"));
        }
        let [one] = parse_channels(to, channels)?[..] else {
            return Err(Error::invalid(format!("'{to}' is not one channel")).with_remedy("use car, cmr or one channel"));
        };
        (vec![vec![one]], vec![0; channels.len()])
    } else if by_group {
        if channels.iter().all(|c| c.group.is_empty()) {
            return Err(Error::invalid(format!("the channels of '{}' are in no groups", stream.name))
                .with_remedy("refer them to all (by=all)"));
        }
        let mut names = std::collections::HashMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut of = Vec::with_capacity(channels.len());
        for (c, channel) in channels.iter().enumerate() {
            let group = *names.entry(channel.group.as_str()).or_insert(groups.len());
            if group == groups.len() {
                groups.push(Vec::new());
            }
            if takes_part[c] {
                groups[group].push(c);
            }
            of.push(group);
        }
        (groups, of)
    } else {
        (vec![(0..channels.len()).filter(|&c| takes_part[c]).collect::<Vec<_>>()], vec![0; channels.len()])
    };
    let reference = Reference { median: to == "cmr", groups, of };
    reference.check(stream)?;
    Ok(Built::new(Work::Across(reference)))
}

impl Reference {
    fn check(&self, stream: &Stream) -> Result<()> {
        let unit = |c: usize| &stream.channels[c].unit;
        if self.groups.iter().any(Vec::is_empty) {
            return Err(Error::invalid("no channel is left to make a reference of").with_remedy("exclude fewer"));
        }
        let firsts: Vec<usize> = self.groups.iter().map(|members| members[0]).collect();
        let members = self.groups.iter().enumerate().flat_map(|(g, members)| members.iter().map(move |&c| (c, g)));
        for (other, group) in members.chain(self.of.iter().enumerate().map(|(c, &g)| (c, g))) {
            let first = firsts[group];
            if unit(other) != unit(first) {
                return Err(Error::invalid(format!(
                    "channels '{}' and '{}' have different units ({}, {}) and cannot have one reference",
                    stream.channels[first].name,
                    stream.channels[other].name,
                    unit(first),
                    unit(other)
                ))
                .with_remedy("convert them first (to-unit), or refer them by=group"));
            }
        }
        Ok(())
    }

    /// The channels to read for `channels`: themselves and what they are referred to, in rising order.
    pub(super) fn needed(&self, channels: &[usize]) -> Vec<usize> {
        let mut needed = vec![false; self.of.len()];
        for &c in channels {
            needed[c] = true;
            for &member in &self.groups[self.of[c]] {
                needed[member] = true;
            }
        }
        (0..needed.len()).filter(|&c| needed[c]).collect()
    }

    /// Writes what is left of `channels` (each `frames` long, behind one another) to `out`; `samples` holds the channels
    /// `needed` in the same way.
    pub(super) fn run(&self, samples: &[f64], needed: &[usize], frames: usize, channels: &[usize], out: &mut [f64]) {
        let place = |c: usize| needed.partition_point(|&n| n < c) * frames;
        let mut made: Option<usize> = None;
        let mut reference = vec![0.0; frames];
        // Channels with the same reference one after the other, so that each is made once.
        let mut order: Vec<usize> = (0..channels.len()).collect();
        order.sort_by_key(|&i| self.of[channels[i]]);
        for i in order {
            let group = self.of[channels[i]];
            if made != Some(group) {
                let places: Vec<usize> = self.groups[group].iter().map(|&c| place(c)).collect();
                if self.median {
                    median(samples, &places, &mut reference);
                } else {
                    mean(samples, &places, &mut reference);
                }
                made = Some(group);
            }
            let from = place(channels[i]);
            let own = &samples[from..from + frames];
            for ((out, x), r) in out[i * frames..(i + 1) * frames].iter_mut().zip(own).zip(&reference) {
                *out = x - r;
            }
        }
    }
}

fn mean(samples: &[f64], places: &[usize], out: &mut [f64]) {
    out.fill(0.0);
    let mut counts = vec![0_u32; out.len()];
    for &place in places {
        for ((sum, count), &x) in out.iter_mut().zip(&mut counts).zip(&samples[place..]) {
            let number = x.is_finite();
            *sum += if number { x } else { 0.0 };
            *count += u32::from(number);
        }
    }
    for (sum, &count) in out.iter_mut().zip(&counts) {
        *sum = if count == 0 { f64::NAN } else { *sum / f64::from(count) };
    }
}

fn median(samples: &[f64], places: &[usize], out: &mut [f64]) {
    let mut row = Vec::with_capacity(places.len());
    for (i, out) in out.iter_mut().enumerate() {
        row.clear();
        row.extend(places.iter().map(|&place| samples[place + i]).filter(|x| x.is_finite()));
        let middle = row.len() / 2;
        *out = match row.len() {
            0 => f64::NAN,
            n => {
                let even = n % 2 == 0;
                let (below, upper, _) = row.select_nth_unstable_by(middle, f64::total_cmp);
                let upper = *upper;
                let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
                if even { lower / 2.0 + upper / 2.0 } else { upper }
            }
        };
    }
}
