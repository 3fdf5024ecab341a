use egui_kittest::kittest::Queryable as _;

use super::super::super::testing::bench;
use super::super::tests::with_picture;
use super::*;

#[test]
fn the_panel_shows_its_channel_and_a_click_asks_for_the_spectrum() {
    let mut harness = bench([1200.0, 320.0], with_picture(), |ui, (document, panel), out| {
        panel_ui(ui, document, panel, TimeFormat::Seconds, out);
    });
    harness.run();
    harness.get_by_label_contains("Colour bar, ");
    harness.get_by_label("Log").click();
    harness.run();
    let picture = harness.get_by_label_contains("Spectrogram of ");
    let at = picture.rect().center();
    picture.click();
    harness.run();
    let state = harness.state();
    assert!(state.state.1.log);
    let end = state.state.0.time().end_tick(3000);
    let wanted = |c: &Command| match c {
        Command::Panel(PanelCommand::Spectrogram(GramCommand::Spectrum(Some(tick)))) => {
            tick.abs_diff(end / 2) <= end / 50
        }
        _ => false,
    };
    assert!(state.out.iter().any(wanted), "{at:?} {:?}", state.out);
}

#[test]
fn the_value_under_the_pointer_is_read_from_the_picture() {
    let (document, _) = with_picture();
    let picture = document.pictures.gram.picture.as_ref().unwrap();
    assert!(power_text(picture, 500, 100.0).ends_with(" dB"));
    assert_eq!(power_text(picture, 1200, 100.0), "nothing here", "a gap");
    assert_eq!(power_text(picture, 900_000, 100.0), "…");
    // The test signal repeats every 200 frames: 5 Hz and its multiples, falling with frequency.
    let at = |hz: f64| {
        let (column, _) = picture.view.column_at(500).unwrap();
        column[picture.view.borders_hz.partition_point(|&b| b <= hz) - 1]
    };
    assert!(at(10.0) > at(300.0) + 10.0);
}
