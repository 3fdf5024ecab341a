//! Results that are places in the recording: excursions, spikes, edges, decoded bytes. There may be millions, so a place
//! is a few plain numbers, and its columns are made from them when they are shown or written.

use std::ops::Range;

use super::Cell;

/// Places found in a stream, sorted by their first frame, then by channel.
#[derive(Clone, Debug)]
pub struct Events {
    /// The stream that frames and channels count in.
    pub stream: usize,
    /// The key of the list in JSON: `events`.
    pub key: &'static str,
    /// What one is called, for people: `excursion`.
    pub noun: &'static str,
    /// What is shown and written of each, in this order.
    pub fields: &'static [Field],
    /// What is written at its mark over the traces, a few characters; empty where the mark says enough.
    pub label: fn(&Place, &Context) -> String,
    /// What the fields need to know beyond the place itself.
    pub context: Context,
    pub places: Vec<Place>,
    /// Appends what a `.bin` holds of a place, where places are bytes.
    pub bytes: Option<fn(&Place, &mut Vec<u8>)>,
}

/// What the columns of all places share.
#[derive(Clone, PartialEq, Debug)]
pub struct Context {
    pub time: crate::recording::TimeBase,
    /// The name of every channel of the stream.
    pub channels: Vec<String>,
}

/// One place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Place {
    /// Index in the stream; the first of several that belong together.
    pub channel: u32,
    /// What the analysis says of it: error flags, the kind of an edge, …
    pub flags: u32,
    pub start: u64,
    /// The first frame behind it; `start + 1` for an instant.
    pub end: u64,
    /// Its number: the greatest excursion, the decoded byte, a rank, …
    pub value: f64,
}

impl Place {
    /// The frames that it covers.
    #[must_use]
    pub fn frames(&self) -> Range<u64> {
        self.start..self.end
    }
}

/// A column of [`Events`].
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As in CSV and JSON: `start_secs`.
    pub name: &'static str,
    pub cell: fn(&Place, &Context) -> Cell,
}

impl Field {
    /// The name of the channel.
    pub const CHANNEL: Self = Self {
        name: "channel",
        cell: |place, context| Cell::Text(context.channels.get(place.channel as usize).cloned().unwrap_or_default()),
    };
    /// The first frame.
    pub const START_FRAME: Self = Self { name: "start_frame", cell: |place, _| Cell::Integer(i128::from(place.start)) };
    /// The first frame behind it.
    pub const END_FRAME: Self = Self { name: "end_frame", cell: |place, _| Cell::Integer(i128::from(place.end)) };
    /// Seconds from the first frame of the recording to the first of the place.
    pub const START_SECS: Self =
        Self { name: "start_secs", cell: |place, context| Cell::Number(context.time.secs_of_frame(place.start)) };
    /// Seconds from the first frame of the recording to the end of the last of the place.
    pub const END_SECS: Self = Self {
        name: "end_secs",
        cell: |place, context| {
            let last = place.end.saturating_sub(1).max(place.start);
            Cell::Number(context.time.secs_of_frame(last) + 1.0 / context.time.rate_hz())
        },
    };
}

impl Events {
    /// The cells of the place at `index`, in the order of [`Self::fields`].
    #[must_use]
    pub fn row(&self, index: usize) -> Vec<Cell> {
        let Some(place) = self.places.get(index) else { return Vec::new() };
        self.fields.iter().map(|field| (field.cell)(place, &self.context)).collect()
    }

    /// The place at `index` as an object: its fields by name. Numbers that are none become null.
    #[must_use]
    pub fn json_of(&self, index: usize) -> serde_json::Value {
        let values = self.row(index).into_iter().map(|cell| match cell {
            Cell::Text(text) => text.into(),
            Cell::Integer(whole) => i64::try_from(whole).map_or_else(|_| whole.to_string().into(), Into::into),
            Cell::Number(number) => number.into(),
            Cell::Bool(yes) => yes.into(),
        });
        let mut object: serde_json::Map<_, _> =
            self.fields.iter().map(|field| field.name.to_owned()).zip(values).collect();
        let place = self.places.get(index).filter(|place| (place.channel as usize) < self.context.channels.len());
        if let (Some(place), true) = (place, object.contains_key("channel")) {
            // Names may repeat, and a program counts.
            object.insert("channel_index".to_owned(), place.channel.into());
        }
        object.into()
    }

    /// The places that touch `frames`, as indices. Only as many as start within the longest stretch before it are looked
    /// at one by one, so that a million of them cost what is seen.
    #[must_use]
    pub fn touching(&self, frames: &Range<u64>, longest: u64) -> Range<usize> {
        let from = self.places.partition_point(|place| place.start.saturating_add(longest) <= frames.start);
        let to = self.places.partition_point(|place| place.start < frames.end);
        from..to.max(from)
    }
}

/// Two results are the same when they say the same; the functions behind the columns are not compared.
impl PartialEq for Events {
    fn eq(&self, other: &Self) -> bool {
        let names = |events: &Self| events.fields.iter().map(|field| field.name).collect::<Vec<_>>();
        self.stream == other.stream
            && self.key == other.key
            && names(self) == names(other)
            && self.context == other.context
            && self.places == other.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::TimeBase;

    #[test]
    fn places_become_rows_and_are_found_by_frame() {
        let place = |start, end| Place { channel: 1, flags: 0, start, end, value: 2.5 };
        let events = Events {
            stream: 0,
            key: "events",
            noun: "excursion",
            fields: &[Field::CHANNEL, Field::START_FRAME, Field::END_SECS],
            bytes: None,
            label: |place, _| place.value.to_string(),
            context: Context { time: TimeBase::regular(10.0), channels: vec!["a".to_owned(), "b".to_owned()] },
            places: vec![place(1, 2), place(5, 15), place(20, 21)],
        };
        assert_eq!(events.row(1), [Cell::Text("b".to_owned()), Cell::Integer(5), Cell::Number(1.5)]);
        assert_eq!((&events.json_of(1)["channel"], &events.json_of(1)["channel_index"]), (&"b".into(), &1.into()));
        assert!(events.row(3).is_empty());
        assert_eq!(events.touching(&(11..20), 10), 1..2);
        assert_eq!(events.touching(&(30..40), 10), 3..3);
    }
}
