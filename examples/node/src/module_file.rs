//! Reads a module from a file: bytes, or text that is assembled. The engine takes bytes only.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};

/// Largest file in bytes, whether module or block file.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;

/// The bytes of the module in a `.wasm` or `.wat` file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("wasm") => false,
        Some("wat") => true,
        _ => bail!("expected a .wat or .wasm file"),
    };
    let bytes = read_bounded(path)?;
    if !text {
        return Ok(bytes);
    }
    let parsed = wat::Parser::new().parse_bytes(Some(path), &bytes);
    Ok(parsed.map_err(|error| anyhow!("cannot assemble it: {error}"))?.into_owned())
}

/// Reads a file that must not be larger than [`FILE_BYTES_MAX`].
pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    ensure!(!path.is_dir(), "it is a folder");
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= FILE_BYTES_MAX,
        "it is larger than the {FILE_BYTES_MAX} bytes allowed"
    );
    Ok(bytes)
}
