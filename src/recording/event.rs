//! Instants and stretches with a label: digital lines, annotations, detections.

/// A named sequence of events, sorted by start.
#[derive(Clone, PartialEq, Debug)]
pub struct EventTrack {
    /// Unique within the recording.
    pub name: String,
    /// What it is, for people: `digital line, ECU byte 1 bit 3`.
    pub description: String,
    /// Number of events, where it is known without reading the file.
    pub events: Option<u64>,
}

/// Something that happened, in seconds from the first frame of the recording.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    pub start_secs: f64,
    /// Zero for an instant.
    pub duration_secs: f64,
    pub label: String,
}

impl Event {
    /// Where it ends, seconds from the first frame.
    #[must_use]
    pub fn end_secs(&self) -> f64 {
        self.start_secs + self.duration_secs
    }

    /// Whether any of it lies in `range` (seconds, half-open); an instant touches the range that it starts.
    #[must_use]
    pub fn touches(&self, range: &std::ops::Range<f64>) -> bool {
        let ends_behind = self.end_secs() > range.start || self.start_secs >= range.start;
        ends_behind && self.start_secs < range.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_stretches_touch_ranges() {
        let event = |start_secs, duration_secs| Event { start_secs, duration_secs, label: String::new() };
        let cases = [
            (event(1.0, 0.0), true),
            (event(2.0, 0.0), false),
            (event(0.999, 0.0), false),
            (event(0.5, 0.5), false),
            (event(0.5, 0.6), true),
            (event(0.0, 9.0), true),
            (event(1.5, 9.0), true),
            (event(2.0, 9.0), false),
        ];
        for (event, expected) in cases {
            assert_eq!(event.touches(&(1.0..2.0)), expected, "{event:?}");
        }
        assert_eq!(event(0.5, 0.25).end_secs(), 0.75);
    }
}
