//! What the integration tests share: where the oracles and the real files are, and how the program is run.
#![allow(dead_code, clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Files of other people's instruments: `LONGWAVE_REAL_FILES`, by default `../shared/data` beside the project. Where
/// `CI` is set they must be there; elsewhere the tests that need them say so and pass.
pub fn real_files() -> Option<PathBuf> {
    beside("LONGWAVE_REAL_FILES", "../shared/data")
}

/// Generators and reference scripts: `LONGWAVE_ORACLE`, by default `../shared/oracle`; as [`real_files`].
pub fn oracle_scripts() -> Option<PathBuf> {
    beside("LONGWAVE_ORACLE", "../shared/oracle")
}

fn beside(variable: &str, default: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os(variable).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(default), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing: set {variable}", folder.display());
    eprintln!("not run here: {} is missing (set {variable})", folder.display());
    None
}

/// The Python that has numpy, scipy, neo and h5py: `LONGWAVE_PYTHON`, by default the one that `make test` sets up.
pub fn python() -> Command {
    let path = std::env::var_os("LONGWAVE_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python"), PathBuf::from);
    assert!(path.exists(), "{} is missing: run the tests with `make test`, which sets it up", path.display());
    Command::new(path)
}

/// Runs a Python script (with numpy as `np`, `sys` and `json` imported) and returns what it prints.
pub fn run_python(script: &str, args: &[&str]) -> String {
    let program = format!("import sys, json\nimport numpy as np\n{script}");
    let output = python().arg("-c").arg(program).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The program under test.
pub fn longwave(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_longwave")).args(args).output().unwrap()
}

/// A seeded generator (xorshift64*), so that tests need neither network nor luck.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In 0..n.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// In -1..1.
    pub fn signed(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
