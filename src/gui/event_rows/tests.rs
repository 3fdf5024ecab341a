use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::gui::channels::ChannelCommand;
use crate::gui::testing::{bench, document};

#[test]
fn rows_never_take_more_than_their_share() {
    let row = |height| Row { name: Name { of: "x", noun: "" }, height, colour: 0, shows: Shows::Frames(&[], 0) };
    let heights = |rows: &[Row<'_>]| rows.iter().map(|row| row.height).sum::<f32>();
    for (count, height) in [(0, TRACK), (3, TRACK), (30, RASTER), (100, RASTER), (1000, RASTER)] {
        let mut rows: Vec<Row<'_>> = (0..count).map(|_| row(height)).collect();
        let left_out = fit(&mut rows, 300.0);
        assert_eq!(rows.len() + left_out, count);
        assert!(heights(&rows) + if left_out > 0 { NOTE } else { 0.0 } <= 300.1, "{count}");
        assert!(rows.iter().all(|row| row.height >= LEAST));
        assert_eq!(left_out > 0, count == 1000);
    }
}

#[test]
fn a_track_that_is_asked_for_has_a_row_that_says_how_it_stands() {
    let mut document = document(4);
    document.apply_channels(ChannelCommand::Track("DIO 1".to_owned(), true));
    document.apply_channels(ChannelCommand::Track("no such line".to_owned(), true));
    let mut harness = bench([400.0, 300.0], (), move |ui, (), _| {
        let whole = ui.available_rect_before_wrap();
        let share = share_of(ui, &document);
        assert!((share - TRACK / whole.height()).abs() < 0.02, "{share}");
        rows_ui(ui, &document, whole, above(whole, share));
    });
    harness.run();
    harness.get_by_label("Rows of events: DIO 1");
}
