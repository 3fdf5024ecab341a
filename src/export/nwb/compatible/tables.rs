//! Tasks, associated files, videos and digital lines.

use super::super::about::numbers;
use super::super::build::{Contents, timestamps};
use super::super::plan::{clean_name, unique};
use super::super::table::Table;
use super::super::tree::{Data, Dataset, Group, Object, Value};
use super::{ECU, NOVELA};
use crate::recording::{EventTrack, SampleType};

pub(super) fn add(contents: &Contents<'_>, root: &mut Group) {
    lines(contents, root);
    tasks(contents, root);
    files(contents, root);
    videos(contents, root);
}

fn module<'r>(contents: &Contents<'_>, root: &'r mut Group, name: &str, what: &str) -> &'r mut Group {
    let path = format!("/processing/{name}");
    let group = root.at(&path);
    group.attributes = contents.described("core", "ProcessingModule", &path, what);
    group
}

/// The digital lines that the metadata names: those of the ECU where it has one, as the converter looks there only.
fn lines(contents: &Contents<'_>, root: &mut Group) {
    let path = "/processing/behavior/behavioral_events";
    let tracks = &contents.recording.events;
    let of_ecu = |track: &EventTrack| track.name.starts_with(ECU);
    let mut lines = Group { attributes: contents.typed("core", "BehavioralEvents", path), children: vec![] };
    let mut names = vec![];
    for given in &contents.about.told.digital_lines {
        let found = |ecu: bool| tracks.iter().position(|t| of_ecu(t) == ecu && given.is_about(&t.name));
        let index = found(true).or_else(|| found(false));
        let Some(index) = index.filter(|&i| contents.tracks.tracks.get(i).is_some_and(|t| t.count > 0)) else {
            continue;
        };
        let name = unique(clean_name(&given.name), &mut names);
        let comments = Some(given.comments.as_deref().unwrap_or("no comments"));
        lines.put(&name, contents.line(index, &format!("{path}/{name}"), &given.line, comments, "-1"));
    }
    if lines.children.is_empty() {
        return;
    }
    module(contents, root, "behavior", "Contains all behavior-related data").put("behavioral_events", lines);
}

/// A row of whole numbers, as the one row of a table.
fn one_row(values: &[i64]) -> Data {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Data::Numbers { kind: SampleType::I64, dims: vec![1, values.len() as u64], bytes }
}

fn tasks(contents: &Contents<'_>, root: &mut Group) {
    let told = &contents.about.told.tasks;
    let text = |text: &Option<String>| Data::texts(vec![text.clone().unwrap_or_default()]);
    let tasks = module(contents, root, "tasks", "Contains all tasks information");
    for (i, task) in told.iter().enumerate() {
        let name = format!("task_{i}");
        let path = format!("/processing/tasks/{name}");
        let mut table = Table::new(contents, &path, "DynamicTable", "hdmf-common", "");
        table.column("task_name", "the name of the task", Data::texts(vec![task.name.clone()]));
        table.column("task_description", "what the task is", text(&task.description));
        table.column("camera_id", "the cameras that saw it", one_row(&task.camera_ids));
        table.column("task_epochs", "the epochs in which it took place", one_row(&task.epochs));
        table.column("task_environment", "where it took place", text(&task.environment));
        tasks.put(&name, table.finish(1));
    }
}

fn files(contents: &Contents<'_>, root: &mut Group) {
    let told = &contents.about.told.associated_files;
    if told.is_empty() {
        return;
    }
    let module = module(contents, root, "associated_files", "Contains all associated files data");
    let mut names = vec![];
    for (file, text) in told.iter().zip(&contents.attached.files) {
        let name = unique(clean_name(&file.name), &mut names);
        let path = format!("/processing/associated_files/{name}");
        let description = file.description.as_deref().unwrap_or_default();
        let mut attributes = contents.described(NOVELA, "AssociatedFiles", &path, description);
        attributes.push(("content".to_owned(), text.as_str().into()));
        // The separator is behind each of them there.
        let epochs = if file.epochs.is_empty() { String::new() } else { numbers(&file.epochs) + ", " };
        attributes.push(("task_epochs".to_owned(), epochs.into()));
        module.put(&name, Group { attributes, children: vec![] });
    }
}

fn videos(contents: &Contents<'_>, root: &mut Group) {
    let told = &contents.about.told;
    let path = "/processing/video_files/video";
    let mut all = Group { attributes: contents.typed("core", "BehavioralEvents", path), children: vec![] };
    let mut names = vec![];
    for (video, found) in told.associated_videos.iter().zip(&contents.attached.videos) {
        let Some((file_name, times)) = found else { continue };
        let name = unique(clean_name(&video.name), &mut names);
        let path = format!("{path}/{name}");
        let mut attributes = contents.described("core", "ImageSeries", &path, "video of animal behavior from epoch");
        attributes.push(("comments".to_owned(), "no comments".into()));
        let mut series = Group { attributes, children: vec![] };
        let attributes = vec![
            ("conversion".to_owned(), Value::F64(1.0)),
            ("offset".to_owned(), Value::F64(0.0)),
            ("resolution".to_owned(), Value::F64(-1.0)),
            ("unit".to_owned(), "unknown".into()),
        ];
        // The frames are in the file of the camera.
        let none = Data::Numbers { kind: SampleType::U8, dims: vec![0, 0, 0], bytes: vec![] };
        series.put("data", Object::Dataset(Dataset { attributes, data: none }));
        let attributes = vec![("starting_frame".to_owned(), Value::I64s(vec![0]))];
        let data = Data::texts(vec![file_name.clone()]);
        series.put("external_file", Object::Dataset(Dataset { attributes, data }));
        series.put("format", Data::Text("external".to_owned()));
        series.put("timestamps", Object::Dataset(timestamps(Data::f64s(times))));
        let camera = video.camera_id.filter(|id| told.cameras.iter().any(|c| c.id == *id));
        if let Some(id) = camera {
            series.put("device", Object::Link(format!("/general/devices/camera_device {id}")));
        }
        all.put(&name, series);
    }
    if all.children.is_empty() {
        return;
    }
    module(contents, root, "video_files", "Contains all associated video files data").put("video", all);
}
