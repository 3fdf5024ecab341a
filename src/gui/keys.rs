//! Keys → commands. What a key does is a line of the [`vocabulary`](super::vocabulary); presets and the user's settings
//! put other lines on keys.

use std::collections::BTreeMap;

use eframe::egui::{self, Key, Modifiers};

use super::command::Command;
use super::settings::Wheel;
use super::state::{Document, Panels};
use super::vocabulary::{self, verbs};
use crate::error::{Error, Result};

/// Lines with an argument that have keys: categories of annotations lie on the number keys, cursors on the brackets.
const LINES: [(&str, &str); 11] = [
    ("OpenBracket", "cursor a"),
    ("CloseBracket", "cursor b"),
    ("1", "category 1"),
    ("2", "category 2"),
    ("3", "category 3"),
    ("4", "category 4"),
    ("5", "category 5"),
    ("6", "category 6"),
    ("7", "category 7"),
    ("8", "category 8"),
    ("9", "category 9"),
];

/// Keys and wheel as people of a field are used to them.
pub(super) struct Preset {
    pub name: &'static str,
    pub about: &'static str,
    pub wheel: Wheel,
    keys: &'static [(&'static str, &'static str)],
}

/// Every preset; the first is the one of a new user.
pub(super) const PRESETS: &[Preset] = &[
    Preset { name: "longwave", about: "Wheel zooms at the pointer, drag pans", wheel: Wheel::Zoom, keys: &[] },
    Preset {
        name: "scope",
        about: "As logic analysers and oscilloscopes have it: up and down zoom",
        wheel: Wheel::Zoom,
        keys: &[("ArrowUp", "zoom-in"), ("ArrowDown", "zoom-out")],
    },
    Preset {
        name: "eeg",
        about: "As EEG readers have it: the wheel turns pages, arrows step by a quarter",
        wheel: Wheel::Pan,
        keys: &[
            ("ArrowLeft", "pan -0.25"),
            ("ArrowRight", "pan 0.25"),
            ("Ctrl+Home", "start"),
            ("Ctrl+End", "end"),
            ("Ctrl+G", "go-to"),
        ],
    },
    Preset {
        name: "audio",
        about: "As sound editors have it: the wheel scrolls the channels, with Ctrl it zooms",
        wheel: Wheel::Channels,
        keys: &[
            ("Ctrl+1", "zoom-in"),
            ("Ctrl+3", "zoom-out"),
            ("Ctrl+F", "fit"),
            ("Ctrl+E", "zoom-to-selection"),
            ("Ctrl+Shift+E", "export-form"),
        ],
    },
];

/// The preset called `name`, or the first.
pub(super) fn preset(name: &str) -> &'static Preset {
    PRESETS.iter().find(|p| p.name == name).unwrap_or(&PRESETS[0])
}

/// A key with modifiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shortcut {
    modifiers: Modifiers,
    key: Key,
}

impl Shortcut {
    /// `Ctrl+Shift+Z`.
    fn parse(text: &str) -> Result<Self> {
        let mut parts: Vec<&str> = text.split('+').map(str::trim).collect();
        let name = parts.pop().unwrap_or_default();
        let key = Key::from_name(name).ok_or_else(|| {
            Error::invalid(format!("'{text}' is no key"))
                .with_remedy("write keys as A, F5, ArrowLeft, Ctrl+Shift+Z, Alt+PageUp, Plus, Comma")
        })?;
        let mut modifiers = Modifiers::NONE;
        for part in parts {
            modifiers |= match part.to_ascii_lowercase().as_str() {
                "ctrl" | "cmd" | "command" => Modifiers::COMMAND,
                "shift" => Modifiers::SHIFT,
                "alt" => Modifiers::ALT,
                other => {
                    return Err(Error::invalid(format!("'{other}' in '{text}' is no key to hold"))
                        .with_remedy("use Ctrl, Shift or Alt"));
                }
            };
        }
        Ok(Self { modifiers, key })
    }

    fn held(self) -> u8 {
        u8::from(self.modifiers.command) + u8::from(self.modifiers.shift) + u8::from(self.modifiers.alt)
    }

    /// For people: `Ctrl + Shift + Z`.
    fn text(self) -> String {
        let held = [(self.modifiers.command, "Ctrl"), (self.modifiers.shift, "Shift"), (self.modifiers.alt, "Alt")];
        let held = held.iter().filter(|(is, _)| *is).map(|(_, name)| *name);
        held.chain([name_of(self.key)]).collect::<Vec<_>>().join(" + ")
    }
}

/// A key as the help writes it, in characters that every font has.
fn name_of(key: Key) -> &'static str {
    match key {
        Key::ArrowLeft => "←",
        Key::ArrowRight => "→",
        Key::ArrowUp => "↑",
        Key::ArrowDown => "↓",
        Key::Plus => "+",
        Key::Minus => "−",
        Key::Equals => "=",
        Key::Questionmark => "?",
        Key::Colon => ":",
        Key::Comma => ",",
        Key::OpenBracket => "[",
        Key::CloseBracket => "]",
        Key::PageUp => "Page up",
        Key::PageDown => "Page down",
        Key::Escape => "Esc",
        key => key.name(),
    }
}

/// Which line each key stands for.
#[derive(Clone, Debug)]
pub(super) struct Keymap {
    /// Those with more keys to hold come first, because egui takes `Shift + A` for `A`, too.
    keys: Vec<(Shortcut, String)>,
}

impl Keymap {
    /// The keys of the vocabulary, with those of a preset and the user's own over them; an empty line frees a key. What
    /// makes no sense is left out and told.
    #[must_use]
    pub(super) fn new(preset_name: &str, own: &BTreeMap<String, String>) -> (Self, Vec<Error>) {
        let mut map = Self { keys: Vec::new() };
        let mut errors = Vec::new();
        for verb in verbs() {
            for keys in verb.keys.split(',').filter(|keys| !keys.trim().is_empty()) {
                map.put(keys, verb.name).unwrap_or_else(|e| errors.push(e));
            }
        }
        let presets = preset(preset_name).keys.iter().copied();
        let own = own.iter().map(|(keys, line)| (keys.as_str(), line.as_str()));
        for (keys, line) in LINES.into_iter().chain(presets).chain(own) {
            map.put(keys, line).unwrap_or_else(|e| errors.push(e));
        }
        map.keys.sort_by_key(|(shortcut, _)| std::cmp::Reverse(shortcut.held()));
        (map, errors)
    }

    fn put(&mut self, keys: &str, line: &str) -> Result<()> {
        let shortcut = Shortcut::parse(keys.trim())?;
        if !line.trim().is_empty() {
            vocabulary::split(line)?;
        }
        self.keys.retain(|(other, _)| *other != shortcut);
        if !line.trim().is_empty() {
            self.keys.push((shortcut, line.trim().to_owned()));
        }
        Ok(())
    }

    /// The keys of a verb, for people: `Plus or =`; empty if it has none.
    #[must_use]
    pub(super) fn keys_of(&self, verb: &str) -> String {
        let mut keys: Vec<String> =
            self.keys.iter().filter(|(_, line)| line == verb).map(|(shortcut, _)| shortcut.text()).collect();
        keys.sort_by_key(String::len);
        keys.dedup();
        keys.join(" or ")
    }

    /// Turns the keys pressed in this frame into commands, unless a text field or a dialog has them.
    pub(super) fn collect(
        &self,
        ctx: &egui::Context,
        document: Option<&Document>,
        panels: &Panels,
        out: &mut Vec<Command>,
    ) {
        let taken = ctx.egui_wants_keyboard_input();
        let was_taken = ctx.data_mut(|data| {
            std::mem::replace(data.get_temp_mut_or_default::<bool>(egui::Id::unique("keyboard taken")), taken)
        });
        if taken || panels.has_dialog() {
            return;
        }
        if was_taken {
            // This one only leaves the field; egui has done so already.
            ctx.input_mut(|i| i.consume_key(egui::Modifiers::NONE, egui::Key::Escape));
        }
        // Where the question mark needs Shift, some systems report the key below it.
        let question = ctx.input(|i| i.events.iter().any(|e| matches!(e, egui::Event::Text(t) if t == "?")));
        if question {
            out.extend(vocabulary::parse("help", document, None).unwrap_or_default());
        }
        let at_tick = super::trace_ui::pointer_tick(ctx);
        for (shortcut, line) in &self.keys {
            if ctx.input_mut(|i| i.consume_key(shortcut.modifiers, shortcut.key)) {
                // A key that means nothing now, because nothing is open for example, does nothing.
                out.extend(vocabulary::parse(line, document, at_tick).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_sound_and_the_users_keys_win() {
        for preset in PRESETS {
            let (_, errors) = Keymap::new(preset.name, &BTreeMap::new());
            assert!(errors.is_empty(), "{}: {errors:?}", preset.name);
        }
        let own = BTreeMap::from([
            ("Ctrl+Shift+F".to_owned(), "fit".to_owned()),
            ("F".to_owned(), "zoom 4".to_owned()),
            ("M".to_owned(), String::new()),
            ("Nokey".to_owned(), "fit".to_owned()),
            ("Q".to_owned(), "nothing".to_owned()),
        ]);
        let (map, errors) = Keymap::new("longwave", &own);
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert_eq!(map.keys_of("fit"), "Ctrl + Shift + F");
        assert_eq!(map.keys_of("zoom 4"), "F");
        assert_eq!(map.keys_of("mark"), "");
        let held: Vec<u8> = map.keys.iter().map(|(s, _)| s.held()).collect();
        assert!(held.is_sorted_by(|a, b| a >= b));
    }
}
