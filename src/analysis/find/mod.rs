//! Where in a recording is something? Excursions beyond a level, edges, spikes, flat, clipped and missing stretches, what
//! looks like an example, and the events that the file itself tells.
//!
//! One pass over the selection at most; with the summary of the stream, whole tiles that cannot hold what is searched for
//! are not read, and the first excursion in a file of any length is there as soon as the tiles are looked through. The
//! result is the same with the summary and without, whatever the chunks, threads and memory limit: places are carried over
//! the borders of chunks, and gaps end them.
//!
//! Levels are compared with the physical value, stored · gain + offset, in double precision. A level in `sd` is so many
//! robust standard deviations from the median of its channel ([`noise`]). A value that is no number is beyond no level and
//! ends whatever it interrupts. Memory: what is kept ([`keeper`]), and what [`crate::scan`] needs.

use std::sync::Arc;

use super::{Analysis, Context, Events, Place, PublishClock, Report, Request, View};
use crate::error::{Error, Result};
use crate::filter::{self, Chain};
use crate::form::Settings;
use crate::recording::SampleType;
use crate::scan::Selection;
use crate::units;

mod edges;
mod ground;
mod keeper;
mod levels;
mod like;
mod missing;
mod noise;
mod options;
mod parameters;
mod runs;
mod spikes;
mod telling;
mod track_list;
mod tracks;

use ground::{Ground, Seeker, hunt};
use keeper::{End, Keeper};
use options::What;
use runs::{Holds, Runs};
use telling::Telling;
pub use track_list::{Track, read_tracks};

pub(crate) const ANALYSIS: Analysis = Analysis {
    name: "find",
    title: "Find",
    about: "Find excursions, spikes, edges, flat, clipped or missing stretches, or what looks like an example",
    example: "longwave find demo.rec --above 5sd --for 1ms -o excursions.csv\n  longwave find demo.rec --spikes 5 --channels 0-3 --json\n  longwave find demo.rec --like 10s..10.02s --channels 2",
    parameters: parameters::PARAMETERS,
    file_types: &["csv"],
    check: options::check,
    run,
};

/// Results of up to so many places are shown while the search goes on.
const SHOWN_EARLY: usize = 100_000;
/// So many channels are told about one by one.
const CHANNELS_TOLD: usize = 4;
/// A flat stretch lasts at least so long, unless something else is asked for.
const FLAT: &str = "10ms";
/// The longest refractory time, frames: that much is read beyond each chunk.
const MOST_REFRACTORY: u64 = 1 << 20;
/// The range that is looked at first for the last place, bytes; then eight times as much, and so on.
const LAST_BYTES: u64 = 64 << 20;

/// What a search says beside its places.
#[derive(Default)]
struct Notes {
    text: Vec<String>,
    /// For each channel, the keys and values that tell what it was searched for.
    channels: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Channels in which there cannot be anything, or nothing can be said.
    idle: usize,
}

impl Notes {
    fn tell(&mut self, position: usize, key: &str, value: f64) {
        if let Some(object) = self.channels.get_mut(position).filter(|_| value.is_finite()) {
            object.insert(key.to_owned(), value.into());
        }
    }

    /// A sentence about some channels, named if they are few.
    fn about(&mut self, ground: &Ground<'_>, positions: &[usize], what: &str) {
        if positions.is_empty() {
            return;
        }
        let names: Vec<&str> = positions.iter().take(CHANNELS_TOLD).map(|&p| ground.name(p)).collect();
        let more = positions.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        self.text.push(format!("channel {}{more}: {what}", names.join(", ")));
    }
}

fn run(request: &Request<'_>) -> Result<Report> {
    let what = options::what(request.settings)?;
    options::check(request.settings)?;
    let stream = request.selection.stream_in(request.source.recording())?;
    let search = Search { request, what, settings: request.settings };
    let mut notes =
        Notes { channels: vec![serde_json::Map::new(); request.selection.channels.len()], ..Notes::default() };
    let places = search.places(&mut notes)?;
    search.warn_of_nothing(&places, &mut notes);
    let mut report = search.report(places, &notes);
    if let Some(object) = report.json.as_object_mut() {
        object.insert("rate_known".to_owned(), stream.time.rate_known().into());
    }
    Ok(report)
}

struct Search<'a> {
    request: &'a Request<'a>,
    what: What,
    settings: &'a Settings,
}

/// The places found, in order, and whether there may be more.
struct Outcome {
    places: Vec<Place>,
    left_out: bool,
}

impl<'a> Search<'a> {
    fn ground(&self) -> Result<Ground<'a>> {
        let Request { source, selection, summary, task, .. } = *self.request;
        let stream = selection.stream_in(source.recording())?;
        Ok(Ground { source: source.as_ref(), stream, selection, summary, task })
    }

    fn keeper(&self) -> Result<Keeper> {
        let (first, last) = (self.settings.flag("first"), self.settings.flag("last"));
        let limit = if first || last { 1 } else { self.settings.integer("limit") };
        let end = match self.what {
            _ if last => End::Last,
            What::Like if !first => End::Best,
            _ => End::First,
        };
        Keeper::new(limit, end, self.request.task)
    }

    fn places(&self, notes: &mut Notes) -> Result<Outcome> {
        let ground = self.ground()?;
        match self.what {
            What::Excursions => {
                let (above, below) = self.levels(&ground, notes)?;
                let least = self.frames("for", &ground)?.unwrap_or(1);
                self.runs(&ground, Holds::Beyond { above, below }, least)
            }
            What::Flat => {
                let least = match self.frames("for", &ground)? {
                    Some(least) => least,
                    None if ground.stream.time.rate_known() => options::frames("for", FLAT, &ground.stream.time)?,
                    None => 256,
                };
                notes.text.push(format!("flat: the same value for at least {} frames", units::count(least.max(2))));
                self.runs(&ground, Holds::Flat, least.max(2))
            }
            What::Clipped => {
                let sample_type = ground.stream.format.sample_type;
                if sample_type.is_float() || sample_type == SampleType::Bool {
                    return Err(Error::invalid(format!(
                        "samples of type {} have no least or greatest value to be clipped at",
                        sample_type.name()
                    ))
                    .with_remedy("give the level yourself (--above X, --below X), or search for --flat"));
                }
                let least = self.frames("for", &ground)?.unwrap_or(1);
                self.runs(&ground, Holds::Clipped, least)
            }
            What::Missing => self.missing(&ground),
            What::Edges => {
                let edges = self.edges(&ground, notes)?;
                self.all_or_last(&ground, &edges)
            }
            What::Spikes => self.spikes(notes),
            What::Like => self.like(&ground, notes),
            What::Track => {
                let tracks = tracks::named(&self.request.source.recording().events, self.settings.text("track"))?;
                let mut keeper = self.keeper()?;
                tracks::hunt(&ground, &tracks, ground.stream.channels.len() as u32, &mut keeper)?;
                Ok(outcome(keeper))
            }
        }
    }

    /// The duration that is set, in frames, if one is.
    fn frames(&self, name: &str, ground: &Ground<'_>) -> Result<Option<u64>> {
        let text = self.settings.text(name);
        if text.trim().is_empty() { Ok(None) } else { options::frames(name, text, &ground.stream.time).map(Some) }
    }

    fn runs(&self, ground: &Ground<'_>, holds: Holds, least: u64) -> Result<Outcome> {
        if let Holds::Beyond { above, below } = &holds
            && above.iter().chain(below).all(|level| level.is_infinite())
        {
            ground.task.add_total(ground.selection.bytes(ground.stream));
            ground.task.advance(ground.selection.bytes(ground.stream))?;
            return Ok(Outcome { places: Vec::new(), left_out: false });
        }
        self.all_or_last(ground, &Runs { holds, least })
    }

    fn missing(&self, ground: &Ground<'_>) -> Result<Outcome> {
        let least = self.frames("for", ground)?.unwrap_or(1);
        let mut keeper = self.keeper()?;
        missing::gaps(ground, least, &mut keeper)?;
        if ground.stream.format.sample_type.is_float() {
            hunt(ground, &Runs { holds: Holds::Nan, least }, &mut keeper, &mut |_| {})?;
        }
        Ok(outcome(keeper))
    }

    fn like(&self, ground: &Ground<'_>, notes: &mut Notes) -> Result<Outcome> {
        let range: crate::text::TimeRange = self.settings.text("like").parse()?;
        let frames = range.frames(&ground.stream.time, ground.stream.frames)?;
        let named = self.settings.text("example");
        let chosen = match named.trim() {
            "" => ground.selection.channels.first().copied(),
            name => crate::text::parse_channels(name, &ground.stream.channels)?.first().copied(),
        };
        let Some(channel) = chosen else {
            return Err(
                Error::invalid("no channel is selected").with_remedy("choose the channel of the example (--channels)")
            );
        };
        let example = like::example(ground, channel, &frames)?;
        let like = like::Like::new(&example, self.settings.number("similarity"), ground.task)?;
        notes.text.push(format!(
            "the example: {} frames of channel {}, which is among the matches if it lies in the range",
            units::count(frames.end - frames.start),
            ground.stream.channels[channel].name
        ));
        let mut outcome = self.all(ground, &like)?;
        let mut order: Vec<usize> = (0..outcome.places.len()).collect();
        order.sort_by(|&a, &b| outcome.places[b].value.total_cmp(&outcome.places[a].value));
        for (rank, i) in order.into_iter().enumerate() {
            outcome.places[i].flags = rank as u32 + 1;
        }
        Ok(outcome)
    }

    /// Spikes in the band that is set, unless the recording comes filtered already.
    fn spikes(&self, notes: &mut Notes) -> Result<Outcome> {
        let ground = self.ground()?;
        let band = self.settings.text("band").trim();
        if self.request.source.recording().properties.iter().any(|(name, _)| name == "filter") {
            notes.text.push("spikes: in the signal as it is filtered already; --band is left out".to_owned());
            return self.spikes_in(&ground, notes);
        }
        if matches!(band, "off" | "") {
            notes.text.push("spikes: in the signal as it is, without a band-pass".to_owned());
            return self.spikes_in(&ground, notes);
        }
        let remedy = "give a band that the rate allows (--band 300..3000), or look at the signal as it is (--band off)";
        let chain = Chain::parse(&format!("band-pass={band}")).map_err(|e| e.with_remedy(remedy))?;
        let stream = ground.selection.stream;
        let source =
            filter::filtered(Arc::clone(self.request.source), stream, &chain).map_err(|e| e.with_remedy(remedy))?;
        notes
            .text
            .push(format!("spikes: in the signal band-passed to {band} Hz, zero phase; --band off takes it as it is"));
        let stream = &source.recording().streams[stream];
        self.spikes_in(&Ground { source: source.as_ref(), stream, summary: None, ..ground }, notes)
    }

    /// Spikes in what is there, filtered or not.
    fn spikes_in(&self, ground: &Ground<'_>, notes: &mut Notes) -> Result<Outcome> {
        let times: f64 = self.settings.number("spikes");
        let refractory = self.frames("refractory", ground)?.unwrap_or(1);
        if refractory > MOST_REFRACTORY {
            return Err(Error::invalid(format!(
                "a refractory time of {} frames is too long",
                units::count(refractory)
            ))
            .with_remedy(format!("give at most {} frames (--refractory)", units::count(MOST_REFRACTORY))));
        }
        let noise = self.noise(ground, notes)?;
        let polarity = self.settings.text("polarity");
        let mut spikes = spikes::Spikes { below: Vec::new(), above: Vec::new(), refractory };
        for (position, noise) in noise.iter().enumerate() {
            let level = |wanted: bool, side: f64| match noise {
                Some(n) if wanted => n.median + side * times * n.sd,
                _ => side * f64::INFINITY,
            };
            spikes.below.push(level(polarity != "positive", -1.0));
            spikes.above.push(level(polarity != "negative", 1.0));
            notes.tell(position, "below", spikes.below[position]);
            notes.tell(position, "above", spikes.above[position]);
        }
        self.all(ground, &spikes)
    }

    /// One pass over the ground.
    fn all<S: Seeker>(&self, ground: &Ground<'_>, seeker: &S) -> Result<Outcome> {
        let mut keeper = self.keeper()?;
        let mut clock = PublishClock::default();
        hunt(ground, seeker, &mut keeper, &mut |keeper| {
            if keeper.len() <= SHOWN_EARLY && clock.is_due() {
                let so_far = Outcome { places: keeper.so_far(), left_out: false };
                (self.request.publish)(self.report(so_far, &Notes::default()));
            }
        })?;
        Ok(outcome(keeper))
    }

    /// One pass, or for the last place as little from the end as is needed: a place that begins behind the start of what
    /// was looked at is whole.
    fn all_or_last<S: Seeker>(&self, ground: &Ground<'_>, seeker: &S) -> Result<Outcome> {
        if !self.settings.flag("last") {
            return self.all(ground, seeker);
        }
        let frames = ground.selection.frames.clone();
        let per_frame = (ground.selection.bytes(ground.stream) / ground.selection.len().max(1)).max(1);
        let mut length = (LAST_BYTES / per_frame).max(1);
        loop {
            let start = frames.end.saturating_sub(length).max(frames.start);
            let selection = Selection { frames: start..frames.end, ..ground.selection.clone() };
            let outcome = self.all(&Ground { selection: &selection, ..*ground }, seeker)?;
            let whole = outcome.places.first().is_some_and(|place| place.start > start);
            if whole || start == frames.start {
                return Ok(outcome);
            }
            length = length.saturating_mul(8);
        }
    }

    /// Says why there is nothing, and whether there may be more.
    fn warn_of_nothing(&self, outcome: &Outcome, notes: &mut Notes) {
        let Telling { noun, .. } = self.what.telling();
        let channels = self.request.selection.channels.len();
        let only = self.settings.flag("first") || self.settings.flag("last");
        if channels == 0 && self.what != What::Track {
            notes.text.push("no channel is selected, so there is nothing to search".to_owned());
        } else if outcome.places.is_empty() && notes.idle >= channels && channels > 0 {
            notes.text.push(format!("no {noun} was looked for: no channel is left to be searched"));
        } else if outcome.places.is_empty() {
            notes.text.push(format!("no {noun} was found in the range"));
        } else if outcome.left_out && !only {
            let kept = units::count(outcome.places.len() as u64);
            notes.text.push(match self.what {
                What::Like => {
                    format!("more than the limit: these are the {kept} most similar of all in the range (--limit N)")
                }
                _ => format!(
                    "stopped at the limit: these are the first {kept}, and there may be more (--limit N, or a later --range)"
                ),
            });
        }
    }

    fn report(&self, outcome: Outcome, notes: &Notes) -> Report {
        let Request { source, selection, .. } = *self.request;
        let Telling { noun, fields, label } = self.what.telling();
        let recording = source.recording();
        let stream = &recording.streams[selection.stream];
        let mut channels: Vec<String> = stream.channels.iter().map(|c| c.name.clone()).collect();
        if self.what == What::Track
            && let Ok(tracks) = tracks::named(&recording.events, self.settings.text("track"))
        {
            channels.extend(tracks.iter().map(|&t| recording.events[t].name.clone()));
        }
        let told: Vec<serde_json::Value> = selection
            .channels
            .iter()
            .enumerate()
            .filter(|_| self.what != What::Track)
            .map(|(i, &c)| {
                let mut object = serde_json::Map::new();
                object.insert("name".to_owned(), stream.channels[c].name.clone().into());
                object.insert("unit".to_owned(), stream.channels[c].unit.clone().into());
                object.extend(notes.channels.get(i).cloned().unwrap_or_default());
                object.into()
            })
            .collect();
        let json = serde_json::json!({
            "search": self.what.key(),
            "count": outcome.places.len(),
            "limit_reached": outcome.left_out && !self.settings.flag("first") && !self.settings.flag("last"),
            "channels": told,
        });
        let events = Events {
            stream: selection.stream,
            key: "events",
            noun,
            fields,
            label,
            bytes: None,
            context: Context { time: stream.time.clone(), channels },
            places: outcome.places,
        };
        Report { view: View::Events(events), json, notes: notes.text.clone() }
    }
}

fn outcome(keeper: Keeper) -> Outcome {
    let left_out = keeper.left_out();
    Outcome { places: keeper.finish(), left_out }
}

#[cfg(test)]
mod tests;
