use egui_kittest::kittest::Queryable as _;

use eframe::egui::{Color32, Modifiers};

use super::list::{Row, rows};
use super::view::GAINS;
use super::*;
use crate::gui::command::Command;
use crate::gui::state::Document;
use crate::gui::testing::{bench, document};
use crate::gui::theme::palette;

fn shown(document: &Document) -> Vec<usize> {
    document.visible_channels()
}

#[test]
fn commands_change_what_is_shown_and_the_lanes_follow() {
    let mut document = document(64);
    document.apply_channels(ChannelCommand::ShowOnly(5));
    assert_eq!(shown(&document), [5]);
    assert_eq!(document.lanes.count, 1.0);
    document.apply_channels(ChannelCommand::ShowAll(true));
    assert_eq!((shown(&document).len(), document.lanes.count), (64, 64.0));
    document.lanes.count = 10.0;
    document.lanes.first = 54.0;
    document.apply_channels(ChannelCommand::Show(63, false));
    assert_eq!((document.lanes.count, document.lanes.first), (10.0, 53.0));
    document.apply_channels(ChannelCommand::ShowAll(false));
    assert_eq!((document.lanes.count, document.lanes.first), (1.0, 0.0));
    document.apply_channels(ChannelCommand::ShowAll(true));
    assert_eq!(document.lanes.count, 64.0);
}

#[test]
fn nonsense_changes_nothing() {
    let mut document = document(4);
    let before = document.channels.clone();
    for command in [
        ChannelCommand::Show(99, false),
        ChannelCommand::ShowOnly(4),
        ChannelCommand::Colour(7, Color32::RED),
        ChannelCommand::Gain(0, f32::NAN),
    ] {
        document.apply_channels(command);
    }
    assert_eq!(document.channels, before);
    document.apply_channels(ChannelCommand::Gain(0, 0.0));
    assert_eq!(document.channels[0].gain, *GAINS.start());
}

#[test]
fn rows_are_grouped_folded_and_filtered() {
    let mut document = document(64);
    let listed = |document: &Document, filter: &str| {
        let order = document.channels_in_order();
        let rows = rows(&document.shown().channels, &order, &document.lanes.list, filter);
        rows.iter()
            .map(|row| match row {
                Row::Group(group) => format!("{} {}", group.name, group.members.len()),
                Row::Channel(c) => c.to_string(),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(&document, "").len(), 66);
    assert_eq!(listed(&document, "hw63"), ["Tetrode 1 1", "63"]);
    assert_eq!(listed(&document, " TETRODE 0 ").len(), 33);
    assert!(listed(&document, "no such").is_empty());
    document.apply_channels(ChannelCommand::Fold("Tetrode 0".to_owned(), true));
    assert_eq!(listed(&document, "")[..3], ["Tetrode 0 32", "Tetrode 1 32", "32"]);
    assert_eq!(listed(&document, "hw5").len(), 2 + 11, "what is found is seen, folded or not");
    // Whole groups keep their headings, whatever their order; mixed ones have none.
    document.apply_channels(ChannelCommand::Move((32..64).collect(), Some(0)));
    assert_eq!(listed(&document, "")[0], "Tetrode 1 32");
    document.apply_channels(ChannelCommand::Move(vec![0], Some(40)));
    assert_eq!((listed(&document, "").len(), listed(&document, "")[8].as_str()), (64, "0"));
    document.apply_channels(ChannelCommand::Sort(SortBy::File));
    document.apply_channels(ChannelCommand::FoldAll(true));
    assert_eq!(listed(&document, ""), ["Tetrode 0 32", "Tetrode 1 32"]);
}

#[test]
fn lanes_follow_the_order_and_pictures_do_not() {
    let mut document = document(6);
    document.apply_channels(ChannelCommand::Move(vec![4, 5], Some(1)));
    document.apply_channels(ChannelCommand::Show(0, false));
    assert_eq!(shown(&document), [4, 5, 1, 2, 3]);
    assert_eq!(document.pictured_channels(), [1, 2, 3, 4, 5]);
    let scope = document.scope(crate::gui::command::Scope::Everything);
    assert_eq!(scope.channels, [1, 2, 3, 4, 5]);
    for pick in [Pick::Only(1), Pick::To(5)] {
        document.apply_channels(ChannelCommand::Pick(pick));
    }
    assert_eq!(document.lanes.list.picked, [1, 5].into());
    document.apply_channels(ChannelCommand::Step { up: false });
    assert_eq!(shown(&document), [4, 2, 5, 1, 3]);
    document.apply_channels(ChannelCommand::Change(vec![1, 5], Change::Scale(2.0)));
    assert_eq!((document.channels[5].gain, document.channels[4].gain), (2.0, 1.0));
}

#[test]
fn what_was_kept_is_mended_when_it_does_not_fit() {
    let mut document = document(4);
    let lanes = LaneView {
        first: f64::NAN,
        count: -3.0,
        half_range: Some(vec![1.0, -1.0, 2.0, 3.0]),
        amplitude: 0.0,
        overlap: f64::INFINITY,
        heights: Heights::Fixed(-1.0),
        display: Display::Butterfly,
        list: Arrangement { order: vec![0, 0, 1, 2], ..Default::default() },
        ..Default::default()
    };
    document.restore_lanes(lanes, true);
    let lanes = &document.lanes;
    assert_eq!((lanes.first, lanes.count, lanes.amplitude, lanes.overlap), (0.0, 1.0, 1.0, 1.0));
    assert_eq!((lanes.half_range.as_ref(), lanes.heights, lanes.display), (None, Heights::Common, Display::Butterfly));
    assert!(lanes.list.order.is_empty());
    let kept = ChannelView { gain: f32::NAN, offset: 1e9, centre: f64::NAN, visible: false, ..Default::default() };
    let view = kept.mended();
    assert_eq!((view.visible, view.gain, view.offset, view.centre), (false, 1.0, 100.0, 0.0));
    let order = |order: &[usize]| LaneView {
        list: Arrangement { order: order.to_vec(), ..Default::default() },
        ..Default::default()
    };
    document.restore_lanes(order(&[3, 1, 2, 0]), true);
    assert_eq!(document.visible_channels(), [3, 1, 2, 0]);
    document.restore_lanes(order(&[1, 0, 2, 3]), false);
    assert_eq!(document.visible_channels(), [3, 1, 2, 0], "of another recording");
}

#[test]
fn groups_fold_show_and_hide_by_their_headings() {
    let mut harness = bench([300.0, 600.0], String::new(), {
        let document = document(64);
        move |ui, filter, out| channels_ui(ui, &document, filter, out)
    });
    harness.run();
    harness.get_by_label("Show group Tetrode 0").click();
    harness.get_by_label("Fold Tetrode 0").click();
    harness.run();
    let out = &harness.state().out;
    let hide = ChannelCommand::Change((0..32).collect(), Change::Visible(false));
    assert!(
        matches!(&out[..], [Command::Channels(a), Command::Channels(ChannelCommand::Fold(name, true))]
        if *a == hide && name == "Tetrode 0"),
        "{out:?}"
    );
}

#[test]
fn several_are_picked_and_changed_together() {
    let picking = |modifiers: Modifiers| {
        let mut harness = bench([300.0, 600.0], String::new(), {
            let mut document = document(8);
            document.apply_channels(ChannelCommand::Pick(Pick::These(vec![1, 2, 5])));
            move |ui, filter, out| channels_ui(ui, &document, filter, out)
        });
        harness.run();
        harness.get_by_label("ch 6").click_modifiers(modifiers);
        harness.get_by_label("Turn the picked channels upside down").click();
        harness.run();
        let out = harness.state_mut().out.drain(..);
        out.filter_map(|c| if let Command::Channels(c) = c { Some(c) } else { None }).collect::<Vec<_>>()
    };
    let invert = ChannelCommand::Change(vec![1, 2, 5], Change::Invert);
    for (modifiers, pick) in
        [(Modifiers::NONE, Pick::Only(6)), (Modifiers::COMMAND, Pick::Toggle(6)), (Modifiers::SHIFT, Pick::To(6))]
    {
        let asked = picking(modifiers);
        assert!(asked.contains(&ChannelCommand::Pick(pick)) && asked.contains(&invert), "{asked:?}");
    }
}

#[test]
fn a_channel_is_dragged_to_another_place() {
    let mut harness = bench([300.0, 400.0], String::new(), {
        let document = document(8);
        move |ui, filter, out| channels_ui(ui, &document, filter, out)
    });
    harness.run();
    let from = harness.get_by_label("ch 5").rect().center();
    let to = harness.get_by_label("ch 2").rect();
    harness.hover_at(from);
    harness.drag_at(from);
    harness.step();
    for share in [0.2, 0.6, 1.0] {
        harness.hover_at(from + (to.center_top() - from) * share);
        harness.step();
    }
    harness.drop_at(to.center_top());
    harness.run();
    let moves = harness
        .state()
        .out
        .iter()
        .any(|c| matches!(c, Command::Channels(ChannelCommand::Move(channels, Some(2))) if channels == &[5]));
    assert!(moves, "{:?}", harness.state().out);
}

#[test]
fn colours_follow_the_rule_that_is_chosen() {
    let mut document = document(64);
    document.apply_channels(ChannelCommand::Colour(3, Color32::RED));
    document.apply_channels(ChannelCommand::ColourBy(ColourBy::Group));
    let colours = document.channel_colours(true);
    assert_eq!((colours[0], colours[31], colours[32]), (palette(0, true), palette(0, true), palette(1, true)));
    assert_eq!(colours[3], Color32::RED);
    document.apply_channels(ChannelCommand::ColourBy(ColourBy::One));
    assert_eq!(document.channel_colours(true)[63], palette(0, true));
}

#[test]
fn a_thousand_channels_filter_and_hide() {
    let mut harness = bench([280.0, 600.0], String::new(), {
        let document = document(1024);
        move |ui, filter, out| channels_ui(ui, &document, filter, out)
    });
    harness.run();
    assert!(harness.query_by_label("Show ch 900").is_none(), "the list is virtual");
    harness.get_by_label("Filter channels").focus();
    harness.get_by_label("Filter channels").type_text("ch 900");
    harness.run();
    assert_eq!(harness.state().state, "ch 900");
    harness.get_by_label("Show ch 900").click();
    harness.run();
    let [Command::Channels(command)] = &harness.state().out[..] else { panic!("{:?}", harness.state().out) };
    assert_eq!(*command, ChannelCommand::Show(900, false));
    harness.get_by_label("Hide all").click();
    harness.run();
    assert!(matches!(harness.state().out[1], Command::Channels(ChannelCommand::ShowAll(false))));
}

#[test]
fn an_empty_filter_result_says_so_and_can_be_cleared() {
    let mut harness = bench([280.0, 420.0], "zzz".to_owned(), {
        let document = document(8);
        move |ui, filter, out| channels_ui(ui, &document, filter, out)
    });
    harness.run();
    harness.get_by_label("Clear filter").click();
    harness.run();
    assert!(harness.state().state.is_empty());
    harness.get_by_label("Show ch 7");
}

#[test]
fn equal_names_are_told_apart_and_double_click_shows_one() {
    let mut document = document(3);
    let source = crate::source::MemorySource::new(
        {
            let mut recording = document.recording().clone();
            recording.streams.truncate(1);
            recording.streams[0].channels.iter_mut().for_each(|c| c.name = "EEG".to_owned());
            recording
        },
        vec![crate::recording::Samples::I16(vec![0; 9000])],
    );
    document.source = std::sync::Arc::new(source.unwrap());
    let mut harness =
        bench([280.0, 300.0], String::new(), move |ui, filter, out| channels_ui(ui, &document, filter, out));
    harness.run();
    harness.get_by_label("Show EEG (hw0)");
    harness.get_by_label("Show EEG (hw2)");
    for _ in 0..2 {
        harness.get_by_label("EEG (hw1)").click();
    }
    harness.run();
    let only = |c: &Command| matches!(c, Command::Channels(ChannelCommand::ShowOnly(1)));
    assert!(harness.state().out.iter().any(only), "{:?}", harness.state().out);
}

#[test]
fn a_colour_is_picked_by_name() {
    let mut harness = bench([280.0, 400.0], String::new(), {
        let document = document(2);
        move |ui, filter, out| channels_ui(ui, &document, filter, out)
    });
    harness.run();
    harness.get_by_label("Colour of ch 1").click();
    harness.run();
    harness.get_by_label("Vermilion").click();
    harness.run();
    let [Command::Channels(ChannelCommand::Colour(1, colour))] = harness.state().out[..] else {
        panic!("{:?}", harness.state().out)
    };
    assert_eq!(colour, palette(5, true));
}

#[test]
fn numbers_that_cannot_be_drawn_change_nothing() {
    use crate::gui::command::ViewCommand as V;

    let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, 5e-324, -5e-324, f64::MAX, f64::MIN];
    for number in numbers {
        let mut document = document(4);
        let tick = number;
        for view in [
            V::Amplitude(number),
            V::Amplitude(number),
            V::ScrollLanes(number),
            V::ZoomLanes(number),
            V::ZoomCentre(number),
            V::Zoom { factor: number, about_tick: tick },
            V::Zoom { factor: 2.0, about_tick: tick },
            V::Pan(number),
            V::Page(number),
            V::Centre(number),
            V::Range(number..number),
            V::Range(number..1.0),
            V::Width(number as f32),
            V::Play(Some(number)),
        ] {
            drop(document.apply_view(view));
            document.play_on();
            check(&document);
        }
        for change in [
            ChannelCommand::Heights(Heights::Fixed(number)),
            ChannelCommand::Overlap(number),
            ChannelCommand::Gain(0, number as f32),
            ChannelCommand::Change(vec![1], Change::Scale(number as f32)),
            ChannelCommand::Change(vec![1], Change::Offset(number as f32)),
        ] {
            document.apply_channels(change);
            check(&document);
        }
        let strange = ChannelView { centre: number, threshold: number, ..ChannelView::default() }.mended();
        assert!(strange.centre.abs() < 1e31 && strange.threshold.abs() < 1e31);
        let lanes = LaneView {
            amplitude: number,
            first: number,
            count: number,
            overlap: number,
            half_range: Some(vec![number; 4]),
            heights: Heights::Fixed(number),
            ..LaneView::default()
        };
        document.restore_lanes(lanes, true);
        check(&document);
    }
}

/// Whether all that drawing divides and multiplies by is a number that it can.
fn check(document: &Document) {
    let lanes = &document.lanes;
    let normal = |x: f64| x.is_normal() && x > 0.0 && (x as f32).is_normal() && (1.0 / x).is_finite();
    assert!(normal(lanes.amplitude) && normal(lanes.count), "{lanes:?}");
    assert!(lanes.first.is_finite() && lanes.first >= 0.0 && lanes.overlap.is_finite(), "{lanes:?}");
    assert!(lanes.half_range.iter().flatten().all(|half| normal(*half)), "{lanes:?}");
    assert!(!matches!(lanes.heights, Heights::Fixed(per_lane) if !normal(per_lane)), "{lanes:?}");
    assert!(document.channels.iter().all(|v| v.gain.is_normal() && v.offset.is_finite()), "{:?}", document.channels);
    let view = &document.viewport;
    assert!(normal(view.ticks()) && view.start_tick().is_finite(), "{view:?}");
    assert!(document.playing.is_none_or(|playing| playing.tick.is_finite()), "{:?}", document.playing);
}
