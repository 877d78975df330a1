//! Notes the compiler's version, which every contract's description states.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC");
    #[allow(clippy::disallowed_methods, reason = "cargo says in the environment which compiler")]
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=TOS_SDK_RUSTC={}", version.as_deref().unwrap_or("rustc").trim());
}
