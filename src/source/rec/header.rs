//! The XML header of a `.rec` file: where it ends, and what it says about the packets behind it.
//!
//! The header is the text up to and including the first line that holds `</Configuration>`. What is taken from it is in
//! [`Header`]; everything is checked against [limits](MAX_HEADER_BYTES) before it is used, and whatever is wrong is
//! reported with the byte offset of the attribute that says so. Cost: proportional to the header, tens of kilobytes.
//!
//! After Trodes' documentation (SpikeGadgets, `Configuration.md`), the headers of real recordings, and the way in which
//! python-neo (`spikegadgetsrawio.py`) reads them.

use roxmltree::{Document, Node, ParsingOptions};

use super::order::{Order, packet_order};
use crate::error::{Error, Result};
use crate::recording::{Channel, Position, Scale, Warning};
use crate::source::HardwareOrder;

/// No header is longer; one of 5,000 channels is about 2 MiB.
pub(super) const MAX_HEADER_BYTES: usize = 64 << 20;
/// Elements, attributes and texts that are kept at most.
const MAX_NODES: u32 = 1_000_000;
/// Attributes of one element: the parser compares each with all others.
const MAX_ATTRIBUTES: usize = 512;
const MAX_CHANNELS: u64 = 1 << 16;
const MAX_DEVICES: usize = 256;
const MAX_LINES: usize = 1 << 16;
const MAX_DEVICE_BYTES: u64 = 1 << 20;
/// Devices that the display names and the hardware lacks, each with a warning.
const MAX_UNDESCRIBED: usize = 8;
const MAX_PACKET_BYTES: u64 = 16 << 20;
const MAX_RATE_HZ: f64 = 1e9;
/// A property's text is cut behind this many characters.
const MAX_PROPERTY_CHARS: usize = 1000;

const END_TAG: &[u8] = b"</Configuration>";

/// One packet is a sync byte, the devices' bytes, the counter, perhaps a system clock, and the ephys samples.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Header {
    /// Where the first packet begins in the file.
    pub len_bytes: u64,
    pub rate_hz: f64,
    pub packet_bytes: u64,
    pub devices: Vec<Device>,
    /// Offset in the packet of the 32-bit counter.
    pub counter_offset: u64,
    /// Offset in the packet of a 64-bit clock, nanoseconds since the Unix epoch, if there is one.
    pub clock_offset: Option<u64>,
    /// Offset in the packet of the first ephys sample.
    pub ephys_offset: u64,
    /// In the order of the packet.
    pub ephys: Vec<Channel>,
    /// Wall-clock time when the file was made, milliseconds since the Unix epoch.
    pub creation_unix_ms: Option<i64>,
    /// The counter when the file was made.
    pub creation_counter: Option<u32>,
    pub properties: Vec<(String, String)>,
    pub warnings: Vec<Warning>,
}

/// A `<Device>`: some bytes of each packet.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Device {
    pub name: String,
    pub offset: u64,
    pub bytes: u64,
    pub lines: Vec<Line>,
}

/// A `<Channel>` of a device.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub id: String,
    /// Unit of the values, where the header tells it.
    pub unit: String,
    /// Offset in the packet.
    pub offset: u64,
    pub kind: LineKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineKind {
    Digital {
        bit: u8,
        input: bool,
    },
    Analog,
    /// Shares its two bytes with others; it is there when bit `id_bit` of the byte at `id_offset` is set.
    Multiplexed {
        id_offset: u64,
        id_bit: u8,
    },
    /// Of a type that is not a signal (`uint32` acknowledgements).
    Other,
}

/// Where the header in `bytes` (the start of the file) ends: the XML, and the whole lines.
pub(super) fn find_end(bytes: &[u8], file_len: u64) -> Result<(usize, usize)> {
    let looked = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
    let mut from = 0;
    let tag = loop {
        let Some(step) = looked[from..].iter().position(|&b| b == b'<') else {
            let what = format!("the header has no closing {} tag", String::from_utf8_lossy(END_TAG));
            return Err(if file_len > MAX_HEADER_BYTES as u64 {
                Error::malformed(looked.len() as u64, format!("{what} within {} MiB", MAX_HEADER_BYTES >> 20))
                    .with_remedy("this is not a Trodes recording, or its start is damaged")
            } else {
                Error::malformed(looked.len() as u64, what)
                    .with_remedy("the file is cut inside its header, or is not a Trodes recording: copy it again")
            });
        };
        from += step;
        if looked[from..].starts_with(END_TAG) {
            break from;
        }
        from += 1;
    };
    let xml_end = tag + END_TAG.len();
    let rest = &bytes[xml_end..];
    let gap = rest.iter().position(|&b| !matches!(b, b' ' | b'\t' | b'\r')).unwrap_or(rest.len());
    match rest.get(gap) {
        None => Ok((xml_end, bytes.len())),
        Some(b'\n') => Ok((xml_end, xml_end + gap + 1)),
        Some(byte) => Err(Error::malformed(
            (xml_end + gap) as u64,
            format!("byte {byte:#04x} stands where the header's line ends"),
        )
        .with_remedy("the header was edited or damaged: its last line must end behind </Configuration>")),
    }
}

/// Reads the header whose XML is `xml` (the first bytes of the file) and whose last line ends at `len_bytes`; `choice` is
/// what the user says about the order of the ephys channels.
pub(super) fn parse(xml: &[u8], len_bytes: u64, choice: Option<HardwareOrder>) -> Result<Header> {
    let mut warnings = Vec::new();
    let text = String::from_utf8_lossy(xml);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        let at = std::str::from_utf8(xml).map_or_else(|e| e.valid_up_to(), str::len);
        warnings
            .push(Warning::at(at as u64, "the header has characters that are not UTF-8; they are shown as \u{fffd}"));
    }
    check_attributes(&text)?;
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(&text, options).map_err(|e| {
        let error = Error::malformed(byte_at(&text, e.pos()), format!("the header is not sound XML: {e}"));
        error.with_remedy("the header was edited or damaged: compare it with that of another recording of the setup")
    })?;
    let root = document.root_element();
    let hardware = child(root, "HardwareConfiguration").ok_or_else(|| {
        Error::malformed(
            root.range().start as u64,
            format!("<{}> has no <HardwareConfiguration>", root.tag_name().name()),
        )
        .with_remedy("without it the packets cannot be told apart: use the header of another recording of the setup")
    })?;
    let declared = integer(hardware, "numChannels", 0, MAX_CHANNELS)?;
    let rate_hz = rate(hardware)?;

    let mut offset = 1; // the sync byte
    let devices = devices(hardware, &mut offset, &mut warnings)?;
    let counter_offset = offset;
    offset += 4;
    let mut clock_offset = devices.iter().find(|d| d.name == "SysClock" && d.bytes == 8).map(|d| d.offset);
    if hardware.attribute("sysTimeIncluded").is_some_and(|v| v.trim() != "0" && !v.trim().eq_ignore_ascii_case("false"))
    {
        clock_offset = clock_offset.or(Some(offset));
        offset += 8;
    }
    let ephys_offset = offset;
    let ephys = ephys(root, declared, choice, &mut warnings)?;
    undescribed_devices(root, &devices, &mut warnings);
    let packet_bytes = ephys_offset + 2 * ephys.len() as u64;
    if packet_bytes > MAX_PACKET_BYTES {
        return Err(Error::limit(hardware.range().start as u64, format!("a packet of {packet_bytes} bytes"))
            .with_remedy("the numbers of bytes or channels in the header are damaged"));
    }

    let global = child(root, "GlobalConfiguration");
    let attribute = |name: &str| global.and_then(|g| g.attribute(name)).map(str::trim);
    let mut properties = properties(global, &devices, packet_bytes, len_bytes);
    properties.extend(references(root));
    Ok(Header {
        len_bytes,
        rate_hz,
        packet_bytes,
        devices,
        counter_offset,
        clock_offset,
        ephys_offset,
        ephys,
        // Workspaces have neither; zero and -1 mean "not known" in files that were converted.
        creation_unix_ms: attribute("systemTimeAtCreation").and_then(|v| v.parse().ok()).filter(|&ms: &i64| ms > 0),
        creation_counter: attribute("timestampAtCreation").and_then(|v| v.parse().ok()),
        properties,
        warnings,
    })
}

/// Refuses elements with more attributes than any header has: the parser's check for repeated ones is quadratic.
fn check_attributes(text: &str) -> Result<()> {
    let (mut start, mut count) = (0, 0);
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'<' => (start, count) = (i, 0),
            b'=' if count == MAX_ATTRIBUTES => {
                return Err(Error::limit(start as u64, "the number of attributes of this element")
                    .with_remedy("the header is damaged or is not Trodes'"));
            }
            b'=' => count += 1,
            // Text between elements may hold any number of equals signs.
            b'>' => count = 0,
            _ => {}
        }
    }
    Ok(())
}

/// The byte offset of a row and column (both from 1; columns count characters).
fn byte_at(text: &str, pos: roxmltree::TextPos) -> u64 {
    let row_start: usize = text.split_inclusive('\n').take((pos.row as usize).saturating_sub(1)).map(str::len).sum();
    let column = (pos.col as usize).saturating_sub(1);
    let within = text[row_start..].char_indices().nth(column).map_or(text.len() - row_start, |(i, _)| i);
    (row_start + within) as u64
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|n| n.has_tag_name(name))
}

/// Where an attribute, or the element that lacks it, is.
fn place(node: Node<'_, '_>, name: &str) -> u64 {
    node.attribute_node(name).map_or(node.range().start, |a| a.range().start) as u64
}

/// A whole number between `min` and `max`, which must be there.
fn integer(node: Node<'_, '_>, name: &str, min: u64, max: u64) -> Result<u64> {
    let at = place(node, name);
    let tag = node.tag_name().name();
    let remedy = format!("correct {name} in the header; it is a whole number from {min} to {max}");
    let Some(text) = node.attribute(name) else {
        return Err(Error::malformed(at, format!("<{tag}> has no {name}")).with_remedy(remedy));
    };
    match text.trim().parse::<i128>() {
        Ok(v) if v >= i128::from(min) && v <= i128::from(max) => Ok(v as u64),
        _ => {
            Err(Error::malformed(at, format!("{name}=\"{}\" of <{tag}> cannot be", clipped(text))).with_remedy(remedy))
        }
    }
}

fn rate(hardware: Node<'_, '_>) -> Result<f64> {
    let at = place(hardware, "samplingRate");
    let remedy = "correct samplingRate in the header; it is the number of packets a second";
    let text = hardware
        .attribute("samplingRate")
        .ok_or_else(|| Error::malformed(at, "<HardwareConfiguration> has no samplingRate").with_remedy(remedy))?;
    text.trim().parse().ok().filter(|&r: &f64| r > 0.0 && r <= MAX_RATE_HZ).ok_or_else(|| {
        Error::malformed(at, format!("samplingRate=\"{}\" cannot be", clipped(text))).with_remedy(remedy)
    })
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_PROPERTY_CHARS) {
        Some((i, _)) => format!("{}…", &text[..i]),
        None => text.to_owned(),
    }
}

/// The devices in the order of the XML, which is that of the packet; `offset` moves behind them.
fn devices(hardware: Node<'_, '_>, offset: &mut u64, warnings: &mut Vec<Warning>) -> Result<Vec<Device>> {
    let mut devices: Vec<Device> = Vec::new();
    let mut last_preference = i64::MIN;
    for node in hardware.children().filter(|n| n.has_tag_name("Device")) {
        let at = node.range().start as u64;
        if devices.len() == MAX_DEVICES || devices.iter().map(|d| d.lines.len()).sum::<usize>() > MAX_LINES {
            return Err(
                Error::limit(at, "the number of devices and their channels").with_remedy("the header is damaged")
            );
        }
        let mut name = node.attribute("name").map_or_else(|| "device".to_owned(), clipped);
        let has_channels = node.children().any(|n| n.has_tag_name("Channel"));
        if node.attribute("numBytes").is_none() && !has_channels {
            warnings.push(Warning::at(at, format!("the device {name} has no bytes in the packets and is left out")));
            continue;
        }
        let bytes = integer(node, "numBytes", 0, MAX_DEVICE_BYTES)?;
        if let Some(preference) = node.attribute("packetOrderPreference").and_then(|v| v.trim().parse::<i64>().ok()) {
            if preference < last_preference {
                warnings.push(Warning::at(
                    at,
                    format!("the device {name} stands out of the order that packetOrderPreference asks for; the packets are read in the order of the header"),
                ));
            }
            last_preference = last_preference.max(preference);
        }
        if node.attribute("available").is_some_and(|v| v.trim() == "0") {
            warnings.push(Warning::at(
                at,
                format!("the device {name} was not available when this was recorded; its bytes are in the packets, but may mean nothing"),
            ));
        }
        if devices.iter().any(|d| d.name == name) {
            name = format!("{name} #{}", devices.len() + 1);
        }
        let mut lines: Vec<Line> = Vec::new();
        for channel in node.children().filter(|n| n.has_tag_name("Channel")) {
            lines.push(line(channel, *offset, bytes, lines.len())?);
        }
        devices.push(Device { name, offset: *offset, bytes, lines });
        *offset += bytes;
        if *offset > MAX_PACKET_BYTES {
            return Err(Error::limit(at, "the bytes of the devices before here").with_remedy("the header is damaged"));
        }
    }
    Ok(devices)
}

fn line(node: Node<'_, '_>, device_offset: u64, device_bytes: u64, index: usize) -> Result<Line> {
    let last = |size: u64| device_bytes.saturating_sub(size);
    let data_type = node.attribute("dataType").map(str::trim).unwrap_or_default();
    let size = match data_type {
        "digital" => 1,
        "analog" => 2,
        _ => 0,
    };
    if size > device_bytes {
        return Err(Error::malformed(
            node.range().start as u64,
            format!("the device's {device_bytes} bytes have no room for this channel"),
        )
        .with_remedy("correct numBytes of the device in the header"));
    }
    let start = if size > 0 { integer(node, "startByte", 0, last(size))? } else { 0 };
    let kind = match data_type {
        "digital" => LineKind::Digital {
            bit: integer(node, "bit", 0, 7)? as u8,
            input: node.attribute("input").is_none_or(|v| v.trim() != "0"),
        },
        "analog" if node.has_attribute("interleavedDataIDByte") => LineKind::Multiplexed {
            id_offset: device_offset + integer(node, "interleavedDataIDByte", 0, last(1))?,
            id_bit: integer(node, "interleavedDataIDBit", 0, 7)? as u8,
        },
        "analog" => LineKind::Analog,
        _ => LineKind::Other,
    };
    let id = node.attribute("id").map_or_else(|| format!("channel {index}"), clipped);
    let unit =
        node.attribute("units").or_else(|| node.attribute("unit")).map_or_else(String::new, |v| clipped(v.trim()));
    Ok(Line { id, unit, offset: device_offset + start, kind })
}

/// Says which devices the display shows although the hardware does not have them: their bytes cannot be told apart.
fn undescribed_devices(root: Node<'_, '_>, devices: &[Device], warnings: &mut Vec<Warning>) {
    let mut told: Vec<&str> = Vec::new();
    let shown = root
        .children()
        .filter(|n| n.has_tag_name("AuxDisplayConfiguration"))
        .flat_map(|aux| aux.children().filter(|n| n.has_tag_name("DispChannel")));
    for node in shown {
        let Some(name) = node.attribute("device").map(str::trim) else { continue };
        let unknown = !name.is_empty() && devices.iter().all(|d| d.name != name) && !told.contains(&name);
        if unknown && told.len() < MAX_UNDESCRIBED {
            told.push(name);
            warnings.push(Warning::at(
                place(node, "device"),
                format!("the display shows the device {}, which <HardwareConfiguration> does not describe: if its bytes are in the packets, add it there, or what is behind them is read at the wrong place", clipped(name)),
            ));
        }
    }
}

/// The ephys channels in the order in which a packet holds them.
fn ephys(
    root: Node<'_, '_>,
    declared: u64,
    choice: Option<HardwareOrder>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Channel>> {
    let Some(spikes) = child(root, "SpikeConfiguration") else {
        if declared > 0 {
            warnings.push(Warning::at(
                root.range().start as u64,
                format!("the header names none of its {declared} ephys channels; they are taken as not recorded"),
            ));
        }
        return Ok(Vec::new());
    };
    let mut channels: Vec<(u64, u64, Channel)> = Vec::new();
    let mut without_gain = None;
    for (i, trode) in spikes.children().filter(Node::is_element).enumerate() {
        let id = trode.attribute("id").map_or_else(|| (i + 1).to_string(), clipped);
        let gain = trode.attribute("spikeScalingToUv").and_then(|v| v.trim().parse::<f64>().ok());
        let gain = gain.filter(|g| g.is_finite() && *g != 0.0);
        for (k, node) in trode.children().filter(Node::is_element).enumerate() {
            let hardware = integer(node, "hwChan", 0, u64::from(u32::MAX))?;
            if gain.is_none() {
                without_gain.get_or_insert(trode.range().start as u64);
            }
            let channel = Channel {
                id: format!("hwChan{hardware}"),
                name: format!("nt{id} ch{}", k + 1),
                unit: if gain.is_some() { "uV".to_owned() } else { String::new() },
                scale: Scale { gain: gain.unwrap_or(1.0), offset: 0.0 },
                group: format!("nTrode {id}"),
                position: position(node),
            };
            channels.push((hardware, place(node, "hwChan"), channel));
            if channels.len() as u64 > declared {
                return Err(Error::malformed(
                    place(node, "hwChan"),
                    format!(
                        "there are more <SpikeChannel> elements than the numChannels=\"{declared}\" of the hardware"
                    ),
                )
                .with_remedy("correct numChannels in the header: it is what every packet holds at most"));
            }
        }
    }
    if let Some(at) = without_gain {
        warnings.push(Warning::at(
            at,
            "the header gives no spikeScalingToUv (older Trodes): these channels are in stored units; for Intan headstages the gain is 0.195 uV",
        ));
    }
    // Trodes writes zeros where it does not know: contacts that are all in one place are nowhere.
    if channels.windows(2).all(|w| w[0].2.position == w[1].2.position) {
        channels.iter_mut().for_each(|c| c.2.position = None);
    }
    channels.sort_by_key(|c| c.0);
    if let Some(w) = channels.windows(2).find(|w| w[0].0 == w[1].0) {
        return Err(Error::malformed(w[1].1, format!("hardware channel {} is named twice", w[1].0))
            .with_remedy("correct hwChan in the header: each channel of the hardware is recorded once"));
    }
    let hardware: Vec<u64> = channels.iter().map(|c| c.0).collect();
    let order = Order {
        device: spikes.attribute("device").map(str::trim),
        per_chip: spikes.attribute("chanPerChip").map(str::trim),
        declared,
        at: spikes.range().start as u64,
        choice,
    };
    let mut slots: Vec<Option<Channel>> = channels.into_iter().map(|c| Some(c.2)).collect();
    let columns = packet_order(&order, &hardware, warnings)?;
    Ok(columns.into_iter().filter_map(|i| slots[i].take()).collect())
}

/// Where the contact of a channel is: `coord_ml` across and `coord_dv` along the probe, micrometres, on the shank (or
/// probe) that `spikeSortingGroup` counts, as headers of Neuropixels recordings have them.
fn position(node: Node<'_, '_>) -> Option<Position> {
    let coordinate = |name: &str| node.attribute(name)?.trim().parse::<f64>().ok().filter(|um| um.is_finite());
    let shank = node.attribute("spikeSortingGroup").and_then(|group| group.trim().parse().ok()).unwrap_or(0);
    Some(Position { shank, x_um: coordinate("coord_ml")?, y_um: coordinate("coord_dv")? })
}

/// Which channel each nTrode is shown against, as far as one was selected: `nTrode 2: nTrode 1 ch 3; …`. The samples are
/// stored without it.
fn references(root: Node<'_, '_>) -> Option<(String, String)> {
    let one = |trode: Node<'_, '_>| {
        let id = trode.attribute("id")?;
        let reference = trode.attribute("refNTrodeID")?.trim();
        let channel: u32 = trode.attribute("refChan")?.trim().parse().ok()?;
        // Zero and -1 mean none.
        (reference.parse::<i64>().ok()? > 0 && channel > 0)
            .then(|| format!("nTrode {}: nTrode {reference} ch {channel}", clipped(id)))
    };
    let trodes = child(root, "SpikeConfiguration")?.children().filter(Node::is_element);
    let references: Vec<String> = trodes.filter_map(one).collect();
    (!references.is_empty()).then(|| ("references".to_owned(), references.join("; ")))
}

fn properties(
    global: Option<Node<'_, '_>>,
    devices: &[Device],
    packet_bytes: u64,
    len_bytes: u64,
) -> Vec<(String, String)> {
    let mut properties: Vec<(String, String)> = global
        .iter()
        .flat_map(Node::attributes)
        .filter(|a| !a.value().is_empty())
        .map(|a| (a.name().to_owned(), clipped(a.value())))
        .collect();
    let list: Vec<String> = devices.iter().map(|d| format!("{} ({} B)", d.name, d.bytes)).collect();
    properties.push(("devices".to_owned(), list.join(", ")));
    properties.push(("header bytes".to_owned(), len_bytes.to_string()));
    properties.push(("packet bytes".to_owned(), packet_bytes.to_string()));
    properties
}
