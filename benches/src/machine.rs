//! What figures were measured on and of what, and what the system says about this process. Reads
//! `/proc`; says so where there is none.
#![allow(clippy::float_arithmetic, reason = "figures for readers, no part of a result")]

use std::fmt;
use std::fs::read_to_string;
use std::process::Command;
use std::time::Duration;

/// The machine and the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Threads that run at once.
    pub cores: usize,
    /// Memory in MiB; 0 where the system does not tell.
    pub ram_mib: u64,
    /// System and architecture.
    pub system: String,
    /// Commit the sources are at, if git knows, otherwise the version.
    pub commit: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let cpu = field("/proc/cpuinfo", "model name");
        let ram = field("/proc/meminfo", "MemTotal").and_then(|text| first_number(&text));
        Self {
            cpu: cpu.unwrap_or_else(|| "unknown processor".into()),
            cores: cores(),
            ram_mib: ram.unwrap_or(0) / 1024,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            commit: commit()
                .unwrap_or_else(|| concat!("version ", env!("CARGO_PKG_VERSION")).into()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, ram_mib, system, commit } = self;
        let plural = if *cores == 1 { "" } else { "s" };
        write!(f, "{cpu}, {cores} core{plural}, ")?;
        match ram_mib {
            0 => f.write_str("unknown memory")?,
            mib => write!(f, "{:.0} GiB", *mib as f64 / 1024.0)?,
        }
        write!(f, ", {system}; {commit}")
    }
}

/// Threads that run at once.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What the sources were checked out at, if git knows; `-dirty` when they were changed since.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude", "*"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| format!("commit {}", text.trim()))
}

/// Processor time that the threads of this process have used; `None` where the system does not
/// tell. Threads that have ended do not count.
#[must_use]
pub fn processor_time() -> Option<Duration> {
    let mut nanos = 0_u64;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread may have ended since the folder was read.
        let Ok(text) = read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        nanos = nanos.checked_add(first_number(&text)?)?;
    }
    Some(Duration::from_nanos(nanos))
}

/// Resident memory of this process in bytes; `None` where the system does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    first_number(&field("/proc/self/status", "VmRSS")?)?.checked_mul(1024)
}

/// What follows the colon of the first line that begins with this name.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_line() {
        let machine = Machine {
            cpu: "A processor".into(),
            cores: 2,
            ram_mib: 24_100,
            system: "linux x86_64".into(),
            commit: "commit abc".into(),
        };
        let text = machine.to_string();
        assert_eq!(text, "A processor, 2 cores, 24 GiB, linux x86_64; commit abc");
        let unknown = Machine { ram_mib: 0, ..machine };
        assert!(unknown.to_string().contains("unknown memory"));
        assert!(Machine::this().cores > 0 && !Machine::this().commit.is_empty());
    }
}
