//! What the process and the machine use now. Reading it costs tens of microseconds: call it a few times a second.
//!
//! On Linux the process' figures come from `/proc/self/status` (`RssAnon`: heap and stacks; `RssFile` and `RssShmem`:
//! pages of mapped files that are resident in this process, which the system can take back at any time; `VmHWM`: the
//! peak of both together). Elsewhere the resident size is reported as heap. The machine's come from `sysinfo`.

/// The machine's memory, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    pub total_bytes: u64,
    pub available_bytes: u64,
}

impl Machine {
    /// Used share above which the machine counts as short of memory.
    pub const PRESSURE: f64 = 0.85;

    /// Whether more than [`Self::PRESSURE`] of the memory is in use.
    #[must_use]
    pub fn is_short(&self) -> bool {
        let used = self.total_bytes.saturating_sub(self.available_bytes);
        self.total_bytes > 0 && used as f64 > Self::PRESSURE * self.total_bytes as f64
    }
}

/// This process' memory, bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// Heap and stacks.
    pub heap_bytes: u64,
    /// Resident pages of mapped files (recordings, but also the program itself).
    pub mapped_bytes: u64,
    /// The most that was ever resident.
    pub peak_bytes: u64,
}

/// The machine's memory now; on Linux, a container's limit counts as the machine.
#[must_use]
pub fn machine() -> Machine {
    let Ok(mut system) = sysinfo::System::new() else { return Machine::default() };
    system.refresh_memory();
    let mut machine = Machine { total_bytes: system.total_memory(), available_bytes: system.available_memory() };
    if let Some(limits) = system.cgroup_limits()
        && limits.total_memory > 0
        && limits.total_memory < machine.total_bytes
    {
        machine.total_bytes = limits.total_memory;
        machine.available_bytes = machine.available_bytes.min(limits.free_memory);
    }
    machine
}

/// This process' memory now.
#[must_use]
pub fn process() -> Process {
    #[cfg(target_os = "linux")]
    if let Ok(text) = std::fs::read_to_string("/proc/self/status") {
        return parse_status(&text);
    }
    let Ok(mut system) = sysinfo::System::new() else { return Process::default() };
    let Ok(pid) = sysinfo::get_current_pid() else { return Process::default() };
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
    let resident = system.process(pid).map_or(0, sysinfo::Process::memory);
    Process { heap_bytes: resident, mapped_bytes: 0, peak_bytes: resident }
}

#[cfg(any(target_os = "linux", test))]
fn parse_status(text: &str) -> Process {
    let field = |name: &str| -> u64 {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024)
    };
    Process {
        heap_bytes: field("RssAnon"),
        mapped_bytes: field("RssFile") + field("RssShmem"),
        peak_bytes: field("VmHWM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_parsed() {
        let text =
            "Name:\tx\nVmHWM:\t    300 kB\nRssAnon:\t     100 kB\nRssFile:\t      20 kB\nRssShmem:\t       1 kB\n";
        assert_eq!(
            parse_status(text),
            Process { heap_bytes: 100 << 10, mapped_bytes: 21 << 10, peak_bytes: 300 << 10 }
        );
        assert_eq!(parse_status("nonsense"), Process::default());
    }

    #[test]
    fn this_machine_has_memory() {
        let machine = machine();
        assert!(machine.total_bytes > 0 && machine.available_bytes <= machine.total_bytes);
        assert!(process().heap_bytes > 0);
        assert!(Machine { total_bytes: 100, available_bytes: 14 }.is_short());
        assert!(!Machine { total_bytes: 100, available_bytes: 15 }.is_short());
    }
}
