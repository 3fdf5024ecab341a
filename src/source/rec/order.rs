//! Which hardware channel is in which column of a packet. The header lists the channels in the order of the display;
//! the order in the packet follows from the hardware.
//!
//! - Intan (no `device`, or `intan`): chips are interleaved. With `per` channels a chip (`chanPerChip`, 32 by default)
//!   and `numChannels / per` chips, the columns are channel 0 of each chip, channel 1 of each chip, …; channels that
//!   were not recorded are left out and the pattern goes on.
//! - Intan where `chanPerChip` makes no such pattern (0, more than `numChannels`, or no divisor of it: some versions of
//!   Trodes write nonsense there), and Neuropixels: ascending.
//! - What the user says wins: [`HardwareOrder`], by `--channel-order` or in `NAME.longwave.toml`.
//!
//! Where other readers are known to order the same file differently, a [`Warning`] says so, and how to choose:
//! python-neo 0.14.6 goes ascending when the number of *recorded* channels is no multiple of `per` (12 of 256, say) and
//! cannot open some partly recorded files at all; this reader and `trodes_to_nwb` go by the hardware.

use crate::error::{Error, Result};
use crate::recording::Warning;
use crate::source::HardwareOrder;

/// `chanPerChip` where the header does not tell: the RHD2132 of old headstages.
const DEFAULT_PER_CHIP: u64 = 32;

/// What bears on the order.
pub(super) struct Order<'a> {
    pub device: Option<&'a str>,
    pub per_chip: Option<&'a str>,
    /// `numChannels` of the hardware.
    pub declared: u64,
    /// Byte offset for warnings.
    pub at: u64,
    /// What the user says.
    pub choice: Option<HardwareOrder>,
}

impl Order<'_> {
    /// Channels a chip, if the chips make a pattern over `hardware`.
    fn per_chip(&self, hardware: &[u64]) -> Option<u64> {
        let told = self.per_chip.map_or(Some(DEFAULT_PER_CHIP), |text| text.parse().ok());
        told.filter(|&per| self.makes_pattern(per, hardware))
    }

    fn makes_pattern(&self, per: u64, hardware: &[u64]) -> bool {
        per > 0
            && per <= self.declared
            && self.declared.is_multiple_of(per)
            && hardware.last().is_none_or(|&last| last < self.declared)
    }
}

/// Indices into `hardware` (ascending channel numbers without repetition), in the order of the packet.
///
/// # Errors
/// When the user asks for interleaved chips and the channels make none.
pub(super) fn packet_order(order: &Order<'_>, hardware: &[u64], warnings: &mut Vec<Warning>) -> Result<Vec<usize>> {
    let ascending: Vec<usize> = (0..hardware.len()).collect();
    let interleaved = |per: u64| {
        let chips = order.declared / per;
        let mut columns = ascending.clone();
        columns.sort_by_key(|&i| hardware[i] % per * chips + hardware[i] / per);
        columns
    };
    match order.choice {
        Some(HardwareOrder::Ascending) => return Ok(ascending),
        Some(HardwareOrder::Interleaved) => {
            let fallback = Some(DEFAULT_PER_CHIP).filter(|&per| order.makes_pattern(per, hardware));
            return order.per_chip(hardware).or(fallback).map(interleaved).ok_or_else(|| {
                Error::invalid(format!(
                    "the {} channels of the hardware cannot be interleaved over chips of {}",
                    order.declared,
                    order.per_chip.unwrap_or("32")
                ))
                .with_remedy("open it with --channel-order ascending")
            });
        }
        None => {}
    }
    let mut warn = |text: String| warnings.push(Warning::at(order.at, text));
    match order.device {
        None | Some("" | "intan") => {}
        Some("neuropixels1" | "neuropixels2") => {
            let gap = hardware.iter().zip(0..).find(|&(&channel, i)| channel != i);
            if let Some((_, missing)) = gap {
                warn(format!(
                    "hardware channel {missing} of this Neuropixels recording was not recorded: the columns are taken to be the others in ascending order (some other software refuses such files); check a channel that you know"
                ));
            }
            return Ok(ascending);
        }
        Some(other) => {
            warn(format!(
                "the headstage '{other}' is not known; its channels are taken to be in ascending order: check one that you know (--channel-order interleaved is the other order)"
            ));
            return Ok(ascending);
        }
    }
    let Some(per) = order.per_chip(hardware) else {
        if !hardware.is_empty() {
            warn(format!(
                "chanPerChip ({}) does not fit {} channels; they are taken to be in ascending order, as newer Trodes writes them (--channel-order interleaved is the other order)",
                order.per_chip.unwrap_or("32 by default"),
                order.declared
            ));
        }
        return Ok(ascending);
    };
    let columns = interleaved(per);
    if columns != ascending && !(hardware.len() as u64).is_multiple_of(per) {
        warn(format!(
            "{} of {} channels were recorded, which is no whole number of {per}-channel chips: the columns are taken to be interleaved over the chips; some other software takes them as ascending (--channel-order ascending): check a channel that you know",
            hardware.len(),
            order.declared
        ));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(device: Option<&str>, per_chip: Option<&str>, declared: u64, hardware: &[u64]) -> (Vec<u64>, usize) {
        let mut warnings = Vec::new();
        let order = Order { device, per_chip, declared, at: 7, choice: None };
        let columns = packet_order(&order, hardware, &mut warnings).unwrap();
        let columns = columns.into_iter().map(|i| hardware[i]).collect();
        (columns, warnings.len())
    }

    #[test]
    fn columns_follow_the_hardware() {
        let all: Vec<u64> = (0..128).collect();
        let (columns, warnings) = order(None, None, 128, &all);
        assert_eq!((&columns[..6], warnings), (&[0, 32, 64, 96, 1, 33][..], 0));
        assert_eq!(order(Some("intan"), Some("64"), 128, &all).0[..4], [0, 64, 1, 65]);
        // Absent channels are left out and the pattern goes on.
        let some: Vec<u64> = (0..256).filter(|h| h % 8 != 0).collect();
        let (columns, warnings) = order(None, None, 256, &some);
        assert_eq!((&columns[..9], warnings), (&[1, 33, 65, 97, 129, 161, 193, 225, 2][..], 0));
        // No pattern: ascending, and said so.
        for bad in ["0", "-1", "1645402192", "48", "x", ""] {
            assert_eq!(order(None, Some(bad), 128, &all), (all.clone(), 1), "{bad}");
        }
        assert_eq!(order(Some("neuropixels1"), Some("0"), 128, &all), (all.clone(), 0));
        assert_eq!(order(Some("new"), None, 128, &all), (all, 1));
        // Readers disagree.
        assert_eq!(order(None, None, 256, &[0, 1, 32, 255]), (vec![0, 32, 1, 255], 1));
        assert_eq!(order(None, None, 64, &[0, 70]), (vec![0, 70], 1), "a channel that the hardware has not");
        assert_eq!(order(None, None, 0, &[]), (vec![], 0));
    }

    #[test]
    fn the_users_choice_wins() {
        let chosen = |choice: HardwareOrder, per_chip: Option<&str>, declared: u64, hardware: &[u64]| {
            let order = Order { device: Some("new"), per_chip, declared, at: 7, choice: Some(choice) };
            let mut warnings = Vec::new();
            let columns = packet_order(&order, hardware, &mut warnings)?;
            assert!(warnings.is_empty());
            Ok::<Vec<u64>, Error>(columns.into_iter().map(|i| hardware[i]).collect())
        };
        let some = [0, 1, 32, 33];
        assert_eq!(chosen(HardwareOrder::Ascending, None, 64, &some).unwrap(), some);
        assert_eq!(chosen(HardwareOrder::Interleaved, None, 64, &some).unwrap(), [0, 32, 1, 33]);
        // Nonsense for the channels of a chip: those of the usual one, if they fit.
        assert_eq!(chosen(HardwareOrder::Interleaved, Some("0"), 64, &some).unwrap(), [0, 32, 1, 33]);
        let error = chosen(HardwareOrder::Interleaved, Some("0"), 33, &[0, 32]).unwrap_err();
        assert!(error.remedy().unwrap().contains("ascending"), "{error}");
    }

    #[test]
    fn neuropixels_with_absent_channels_are_doubted() {
        assert_eq!(order(Some("neuropixels2"), Some("0"), 384, &[0, 1, 3]), (vec![0, 1, 3], 1));
    }
}
