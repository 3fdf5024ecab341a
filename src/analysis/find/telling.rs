//! How each kind of search tells what it found: what one is called, the columns of the list, the text at a mark.

use super::options::What;
use super::{edges, missing, runs};
use crate::analysis::{Cell, Context, Field, Place};
use crate::units;

const PEAK: Field = Field { name: "peak", cell: |place, _| Cell::Number(place.value) };
const PEAK_FRAME: Field = Field {
    name: "peak_frame",
    cell: |place, _| Cell::Integer(i128::from(place.start + u64::from(place.flags & runs::OFFSET))),
};
const EDGE: Field = Field {
    name: "edge",
    cell: |place, _| Cell::Text(if place.flags & edges::RISING != 0 { "rising" } else { "falling" }.to_owned()),
};
const RANK: Field = Field { name: "rank", cell: |place, _| Cell::Integer(i128::from(place.flags)) };

/// How a kind of search is told.
pub(super) struct Telling {
    pub(super) noun: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) label: fn(&Place, &Context) -> String,
}

fn no_label(_: &Place, _: &Context) -> String {
    String::new()
}

const BASE: [Field; 6] =
    [Field::CHANNEL, Field::START_FRAME, Field::END_FRAME, Field::START_SECS, Field::END_SECS, PEAK];
const SPANNING: &[Field] = &{
    let [a, b, c, d, e, f] = BASE;
    [a, b, c, d, e, f, PEAK_FRAME]
};
const PLAIN: &[Field] = &BASE;
const SIDED: &[Field] = &{
    let [a, b, c, d, e, f] = BASE;
    [a, b, c, d, e, f, EDGE]
};
const RANKED: &[Field] = &{
    let [a, b, c, d, e, f] = BASE;
    [a, b, c, d, e, f, RANK]
};

impl What {
    pub(super) fn telling(self) -> Telling {
        match self {
            Self::Excursions => Telling { noun: "excursion", fields: SPANNING, label: |p, _| units::number(p.value) },
            Self::Edges => Telling {
                noun: "edge",
                fields: SIDED,
                label: |p, _| if p.flags & edges::RISING != 0 { "↑" } else { "↓" }.to_owned(),
            },
            Self::Spikes => Telling { noun: "spike", fields: PLAIN, label: no_label },
            Self::Flat => Telling { noun: "flat run", fields: PLAIN, label: |_, _| "flat".to_owned() },
            Self::Clipped => Telling { noun: "clipped run", fields: PLAIN, label: |_, _| "clipped".to_owned() },
            Self::Missing => Telling { noun: "missing part", fields: missing::FIELDS, label: missing::label },
            Self::Like => Telling { noun: "similar part", fields: RANKED, label: |p, _| format!("{:.2}", p.value) },
            Self::Track => Telling { noun: "event", fields: PLAIN, label: |p, _| units::number(p.value) },
        }
    }

    /// As JSON names it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Excursions => "excursions",
            Self::Edges => "edges",
            Self::Spikes => "spikes",
            Self::Flat => "flat",
            Self::Clipped => "clipped",
            Self::Missing => "missing",
            Self::Like => "like",
            Self::Track => "track",
        }
    }
}
