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
