//! The live memory gauge: what the program holds, what the system has mapped for it, the limit, and what the machine
//! has left. A click opens the form that sets the limit.

use eframe::egui::{
    Align2, Grid, Key, Popup, PopupCloseBehavior, Rect, Response, RichText, Sense, Stroke, TextEdit, TextStyle, Ui,
    pos2, vec2,
};

use super::command::{Command, PanelCommand};
use super::controls::{named, painted_button};
use super::theme::Colours;
use super::wording::parse_bytes;
use crate::budget::{MIN_LIMIT_BYTES, MemoryBudget};
use crate::memory::{Machine, Process};
use crate::text::bytes;

const MIB: u64 = 1 << 20;
const PRESETS: [u64; 6] = [128 * MIB, 256 * MIB, 512 * MIB, 1024 * MIB, 2048 * MIB, 4096 * MIB];

/// What the gauge shows, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct GaugeState {
    pub process: Process,
    pub machine: Machine,
    /// The memory limit.
    pub limit: u64,
    /// Reserved of it now.
    pub reserved: u64,
}

impl GaugeState {
    /// What was measured last, and the budget now.
    #[must_use]
    pub(super) fn new(process: Process, machine: Machine, budget: &MemoryBudget) -> Self {
        Self { process, machine, limit: budget.limit(), reserved: budget.used() }
    }

    /// The bar's full length: room for the limit and for what is used.
    fn scale(&self) -> f64 {
        (self.limit.max(self.process.heap_bytes + self.process.mapped_bytes) as f64 * 1.25).max(1.0)
    }
}

/// Draws the gauge; `form` is the text of the limit while its form is open.
pub(super) fn gauge_ui(ui: &mut Ui, state: &GaugeState, form: &mut Option<String>, out: &mut Vec<Command>) {
    let gauge = bar(ui, state);
    let short = state.machine.is_short();
    if short {
        ui.label(RichText::new("▲ machine is short of memory").color(Colours::of(ui).warning)).on_hover_text(
            "More than 85 % of the machine's memory is in use: work goes on in smaller pieces, and caches are dropped.",
        );
    }
    if gauge.clicked() {
        out.push(Command::Panel(PanelCommand::BudgetForm(form.is_none())));
    }
    let opened_now = gauge.clicked();
    let popup =
        Popup::from_response(&gauge).open(form.is_some()).close_behavior(PopupCloseBehavior::IgnoreClicks).width(320.0);
    let shown = popup.show(|ui| limit_form(ui, state, form, out));
    if let Some(shown) = shown {
        let leave = shown.response.clicked_elsewhere() && !opened_now && !gauge.contains_pointer();
        if leave || ui.input(|i| i.key_pressed(Key::Escape)) {
            out.push(Command::Panel(PanelCommand::BudgetForm(false)));
        }
    }
    if form.is_none() {
        gauge.on_hover_ui(|ui| explain(ui, state));
    }
}

/// The painted bar with its text; a button.
fn bar(ui: &mut Ui, state: &GaugeState) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(168.0, 20.0), Sense::click());
    let text = format!("{} of {}", bytes(state.process.heap_bytes), bytes(state.limit));
    painted_button(&response, &format!("Memory: {text}"));
    let colours = Colours::of(ui);
    let painter = ui.painter_at(rect.expand(1.0));
    let strip = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 5.0), rect.max);
    let x = |bytes: u64| strip.left() + (bytes as f64 / state.scale()).min(1.0) as f32 * strip.width();
    painter.rect_filled(strip, 2.0, ui.visuals().faint_bg_color);
    let part = |from: u64, to: u64| Rect::from_x_y_ranges(x(from)..=x(to), strip.y_range());
    let (heap, mapped) = (state.process.heap_bytes, state.process.mapped_bytes);
    painter.rect_filled(part(0, heap), 0.0, colours.heap);
    painter.rect_filled(part(heap, heap + mapped), 0.0, colours.mapped);
    if state.machine.available_bytes < state.limit {
        // The machine cannot give what the limit allows: mark where it would end.
        let end = x((heap + state.machine.available_bytes).min(state.limit));
        painter.vline(end, strip.y_range(), Stroke::new(2.0, colours.warning));
    }
    let limit = x(state.limit);
    painter.vline(limit, strip.top() - 2.0..=strip.bottom(), Stroke::new(2.0, ui.visuals().text_color()));
    let stroke = ui.style().interact(&response).fg_stroke.color;
    let hot = response.hovered() || response.has_focus();
    let colour = if hot { colours.accent } else { stroke };
    painter.text(rect.left_top(), Align2::LEFT_TOP, text, TextStyle::Small.resolve(ui.style()), colour);
    response
}

fn explain(ui: &mut Ui, state: &GaugeState) {
    ui.strong("Memory");
    Grid::new("memory").num_columns(3).spacing([12.0, 4.0]).show(ui, |ui| {
        let mut row = |name: &str, value: u64, what: &str| {
            ui.label(name);
            ui.with_layout(eframe::egui::Layout::right_to_left(eframe::egui::Align::Center), |ui| {
                ui.monospace(bytes(value));
            });
            ui.weak(what);
            ui.end_row();
        };
        row("Own memory", state.process.heap_bytes, "held by the program itself");
        row("Mapped", state.process.mapped_bytes, "parts of open files; the system takes them back when needed");
        row("Reserved", state.reserved, "of the limit, by work and caches");
        row("Limit", state.limit, "the mark in the bar; click to change");
        row("Available", state.machine.available_bytes, "what the machine can still give");
        row("Machine", state.machine.total_bytes, "all of its memory");
        row("Peak", state.process.peak_bytes, "the most that was resident at once");
    });
}

fn limit_form(ui: &mut Ui, state: &GaugeState, form: &mut Option<String>, out: &mut Vec<Command>) {
    let Some(text) = form else { return };
    ui.strong("Memory limit");
    ui.weak("Work and caches stay below it. More makes long passes no faster; less leaves room for other programs.");
    let mut limit = None;
    ui.horizontal_wrapped(|ui| {
        for preset in PRESETS {
            if ui.selectable_label(state.limit == preset, bytes(preset)).clicked() {
                limit = Some(preset);
            }
        }
    });
    let typed = parse_bytes(text).filter(|&b| b >= MIN_LIMIT_BYTES);
    ui.horizontal(|ui| {
        let edit = named(ui.add(TextEdit::singleline(text).desired_width(120.0)), "Memory limit");
        let enter = edit.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let set = ui.add_enabled(typed.is_some(), eframe::egui::Button::new("Set limit"));
        if set.clicked() || enter {
            limit = typed.or(limit);
        }
    });
    if typed.is_none() {
        let text = format!("Type a size of at least {}, such as 256 MiB or 1.5 GiB.", bytes(MIN_LIMIT_BYTES));
        ui.label(RichText::new(text).color(Colours::of(ui).warning));
    } else if typed.is_some_and(|b| state.machine.total_bytes > 0 && b > state.machine.available_bytes) {
        let text = format!("The machine has {} available now.", bytes(state.machine.available_bytes));
        ui.label(RichText::new(text).color(Colours::of(ui).warning));
    }
    if let Some(limit) = limit {
        out.push(Command::Panel(PanelCommand::Budget(limit)));
        out.push(Command::Panel(PanelCommand::BudgetForm(false)));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use egui_kittest::kittest::Queryable as _;

    use super::super::testing::bench;
    use super::*;

    pub(crate) fn state() -> GaugeState {
        GaugeState {
            process: Process { heap_bytes: 84 * MIB, mapped_bytes: 120 * MIB, peak_bytes: 210 * MIB },
            machine: Machine { total_bytes: 16 << 30, available_bytes: 9 << 30 },
            limit: 512 * MIB,
            reserved: 40 * MIB,
        }
    }

    #[test]
    fn a_click_opens_the_form_and_a_preset_sets_the_limit() {
        let mut harness =
            bench([400.0, 300.0], None, |ui, form: &mut Option<String>, out| gauge_ui(ui, &state(), form, out));
        harness.run();
        harness.get_by_label("Memory: 84 MiB of 512 MiB").click();
        harness.run();
        assert!(matches!(harness.state().out[..], [Command::Panel(PanelCommand::BudgetForm(true))]));
        harness.state_mut().state = Some("512 MiB".to_owned());
        harness.state_mut().out.clear();
        harness.run();
        harness.get_by_label("1 GiB").click();
        harness.run();
        assert!(
            matches!(harness.state().out[..], [Command::Panel(PanelCommand::Budget(b)), ..] if b == 1 << 30),
            "{:?}",
            harness.state().out
        );
    }

    #[test]
    fn a_typed_limit_is_read_and_nonsense_is_explained() {
        let mut harness = bench([400.0, 300.0], Some("12 MiB".to_owned()), |ui, form: &mut Option<String>, out| {
            gauge_ui(ui, &state(), form, out);
        });
        harness.run();
        harness.get_by_label_contains("at least 16 MiB");
        harness.state_mut().state = Some("192 MiB".to_owned());
        harness.run();
        harness.get_by_label("Set limit").click();
        harness.run();
        assert!(
            matches!(harness.state().out[..], [Command::Panel(PanelCommand::Budget(b)), ..] if b == 192 * MIB),
            "{:?}",
            harness.state().out
        );
    }

    #[test]
    fn a_short_machine_is_told_in_words() {
        let mut short = state();
        short.machine.available_bytes = 1 << 30;
        let mut harness = bench([500.0, 60.0], None, move |ui, form: &mut Option<String>, out| {
            ui.horizontal(|ui| gauge_ui(ui, &short, form, out));
        });
        harness.run();
        harness.get_by_label_contains("machine is short of memory");
    }
}
