//! Colours in files that people read: `"#0072b2"`.

use eframe::egui::Color32;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a colour; its opacity is not kept, there being none.
pub(in crate::gui) fn serialize<S: Serializer>(colour: &Option<Color32>, to: S) -> Result<S::Ok, S::Error> {
    match colour {
        Some(c) => to.serialize_str(&format!("#{:02x}{:02x}{:02x}", c.r(), c.g(), c.b())),
        None => to.serialize_none(),
    }
}

/// Reads one; what is none counts as not given.
pub(in crate::gui) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Color32>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.as_deref().and_then(parse))
}

/// `#rrggbb`.
fn parse(text: &str) -> Option<Color32> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let value = u32::from_str_radix(hex, 16).ok()?;
    let [_, red, green, blue] = value.to_be_bytes();
    Some(Color32::from_rgb(red, green, blue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_written() {
        assert_eq!(parse("#0072b2"), Some(Color32::from_rgb(0, 0x72, 0xb2)));
        for text in ["", "#", "#12345", "#1234567", "red", "#+12345", "#µµµ"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
