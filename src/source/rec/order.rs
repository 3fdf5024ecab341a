//! Which hardware channel is in which column of a packet. The header lists the channels in the order of the display;
//! the order in the packet follows from the hardware.
//!
//! - Intan (no `device`, or `intan`): chips are interleaved. With `per` channels a chip (`chanPerChip`, 32 by default)
//!   and `numChannels / per` chips, the columns are channel 0 of each chip, channel 1 of each chip, …; channels that
//!   were not recorded are left out and the pattern goes on.
//! - Intan where `chanPerChip` makes no such pattern (0, more than `numChannels`, or no divisor of it: some versions of
//!   Trodes write nonsense there), and Neuropixels: ascending.
//!
//! Where other readers are known to order the same file differently, a [`Warning`] says so: python-neo goes ascending
//! when the number of *recorded* channels is no multiple of `per`; this reader and `trodes_to_nwb` go by the hardware.

use crate::recording::Warning;

/// `chanPerChip` where the header does not tell: the RHD2132 of old headstages.
const DEFAULT_PER_CHIP: u64 = 32;

/// What the header says that bears on the order.
pub(super) struct Order<'a> {
    pub device: Option<&'a str>,
    pub per_chip: Option<&'a str>,
    /// `numChannels` of the hardware.
    pub declared: u64,
    /// Byte offset for warnings.
    pub at: u64,
}

/// Indices into `hardware` (ascending channel numbers without repetition), in the order of the packet.
pub(super) fn packet_order(order: &Order<'_>, hardware: &[u64], warnings: &mut Vec<Warning>) -> Vec<usize> {
    let ascending: Vec<usize> = (0..hardware.len()).collect();
    let mut warn = |text: String| warnings.push(Warning::at(order.at, text));
    match order.device {
        None | Some("" | "intan") => {}
        Some("neuropixels1" | "neuropixels2") => return ascending,
        Some(other) => {
            warn(format!(
                "the headstage '{other}' is not known; its channels are taken to be in ascending order: check one that you know"
            ));
            return ascending;
        }
    }
    let per = match order.per_chip {
        None => Some(DEFAULT_PER_CHIP),
        Some(text) => text.parse().ok(),
    };
    let per = per.filter(|&p| p > 0 && p <= order.declared && order.declared.is_multiple_of(p));
    let (Some(per), true) = (per, hardware.last().is_none_or(|&last| last < order.declared)) else {
        if !hardware.is_empty() {
            warn(format!(
                "chanPerChip ({}) does not fit {} channels; they are taken to be in ascending order, as newer Trodes writes them",
                order.per_chip.unwrap_or("32 by default"),
                order.declared
            ));
        }
        return ascending;
    };
    let chips = order.declared / per;
    let mut interleaved = ascending.clone();
    interleaved.sort_by_key(|&i| hardware[i] % per * chips + hardware[i] / per);
    if interleaved != ascending && !(hardware.len() as u64).is_multiple_of(per) {
        warn(format!(
            "{} of {} channels were recorded, which is no whole number of {per}-channel chips: the columns are taken to be interleaved over the chips (some other software takes them as ascending); check a channel that you know",
            hardware.len(),
            order.declared
        ));
    }
    interleaved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(device: Option<&str>, per_chip: Option<&str>, declared: u64, hardware: &[u64]) -> (Vec<u64>, usize) {
        let mut warnings = Vec::new();
        let order = Order { device, per_chip, declared, at: 7 };
        let columns = packet_order(&order, hardware, &mut warnings).into_iter().map(|i| hardware[i]).collect();
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
}
