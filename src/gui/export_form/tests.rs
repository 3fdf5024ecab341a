use eframe::egui;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::super::testing::{bench, control, document};
use super::*;

/// A form whose prediction has arrived.
pub(crate) fn form(document: &Document, exists: bool, free: u64) -> ExportForm {
    let mut form = ExportForm::new(document);
    form.waiting = Some(3);
    let selection = form.selection(document).unwrap();
    form.asked = Some(form.question(document, &selection));
    let prediction = Prediction {
        bytes: 24_000,
        free_bytes: Some(free),
        secs: 0.2,
        notes: vec!["the target cannot hold the gap".to_owned()],
    };
    form.predicted(3, exists, Ok(prediction));
    form
}

fn harness(
    form: ExportForm,
    document: Document,
) -> egui_kittest::Harness<'static, super::super::testing::Bench<ExportForm>> {
    let jobs = Jobs::new(egui::Context::default(), 1);
    let budget = MemoryBudget::new(64 << 20);
    bench([800.0, 900.0], form, move |ui, form, out| export_form_ui(ui, form, &document, &jobs, &budget, out))
}

#[test]
fn export_and_cancel_send_their_commands() {
    let document = document(4);
    let mut harness = harness(form(&document, false, 1 << 30), document);
    harness.run();
    control(&harness, egui::Role::Button, "Export").click();
    harness.run();
    let out = &harness.state().out;
    let [Command::Job(JobCommand::Export { target, values, overwrite, .. }), Command::Panel(_)] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!((target.extension().unwrap().to_str(), *values, *overwrite), (Some("npy"), Values::Stored, false));
    harness.state_mut().out.clear();
    harness.get_by_label("Cancel").click();
    harness.run();
    assert!(matches!(harness.state().out[..], [Command::Panel(PanelCommand::ExportForm(false))]));
}

#[test]
fn a_typed_part_is_selected_and_written() {
    let document = document(4);
    let mut form = form(&document, false, 1 << 30);
    form.part.typed = Some(["0.2s".to_owned(), "#500".to_owned()]);
    let selection = form.selection(&document).unwrap();
    let line = form.line(&document, &selection).to_string();
    assert!(line.contains("#200..#500"), "{line}");
    form.asked = Some(form.question(&document, &selection));
    let mut harness = harness(form, document);
    harness.run();
    control(&harness, egui::Role::Button, "Export").click();
    harness.run();
    let out = &harness.state().out;
    let [Command::View(ViewCommand::Select(Some(ticks))), Command::Job(JobCommand::Export { scope, .. }), ..] =
        &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!((ticks.clone(), *scope), (200..500, Scope::Selection));
    harness.state_mut().state.part.typed = Some(["later".to_owned(), String::new()]);
    harness.run();
    assert!(control(&harness, egui::Role::Button, "Export").accesskit_node().is_disabled());
    harness.get_by_label_contains("is not a time");
}

#[test]
fn picked_files_become_settings() {
    let document = document(4);
    let mut form = form(&document, false, 1 << 30);
    form.set_target(std::path::Path::new("/data/day.nwb"));
    let files = |form: &ExportForm, name| form.settings.files(name);
    form.set_setting_files("metadata", &["/data/a.yml".into()]);
    form.set_setting_files("metadata", &["/data/b,c.yml".into(), "/data/d.yml".into()]);
    assert_eq!(files(&form, "metadata"), [PathBuf::from("/data/b,c.yml")]);
    for picked in ["/data/p.yml", "/data/q.json", "/data/p.yml"] {
        form.set_setting_files("probe", &[picked.into()]);
    }
    form.set_setting_files("probe", &[]);
    assert_eq!(files(&form, "probe"), ["/data/p.yml", "/data/q.json"].map(PathBuf::from));
    // The type was changed meanwhile.
    form.set_target(std::path::Path::new("/data/day.npy"));
    form.set_setting_files("probe", &["/data/r.yml".into()]);
    assert_eq!(form.setting_file("probe"), Some(PathBuf::from("/data/")));
}

#[test]
fn an_existing_file_needs_a_tick_and_a_full_disk_forbids() {
    let document = document(4);
    let form_there = form(&document, true, 1 << 30);
    assert!(!form_there.is_ready());
    assert!(!form(&document, false, 10).is_ready());
    let mut harness = harness(form_there, document);
    harness.run();
    harness.get_by_label("Replace the file that is there").click();
    harness.step();
    assert!(harness.state().state.overwrite);
}
