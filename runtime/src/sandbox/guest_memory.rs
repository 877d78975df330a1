//! A guest's linear memory as host functions see it: the bounds check is part of every access, so
//! it cannot be forgotten. The charge is part of entering a host function, see `host/mod.rs`.

use tos_host_api::{Address, AssetId, HostFunction};

use crate::execute::Interrupt;
use crate::types::HaltReason;

/// Where host functions have written into a guest's memory: not before `start`, not from `end` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Default for Written {
    /// Nowhere.
    fn default() -> Self {
        Self { start: usize::MAX, end: 0 }
    }
}

impl Written {
    /// Both.
    pub(crate) fn unite(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }
}

/// The memory of the calling guest during one host call.
pub(crate) struct GuestMemory<'a> {
    bytes: &'a mut [u8],
    written: &'a mut Written,
    /// Who asks, for the receipt.
    function: HostFunction,
}

impl<'a> GuestMemory<'a> {
    /// `written` is told of every write.
    pub(crate) fn new(
        bytes: &'a mut [u8],
        written: &'a mut Written,
        function: HostFunction,
    ) -> Self {
        Self { bytes, written, function }
    }

    /// The bytes at `pointer`. An empty range is allowed anywhere.
    #[inline]
    pub(crate) fn read(&self, pointer: u32, len: u32) -> Result<&[u8], Interrupt> {
        if len == 0 {
            return Ok(&[]);
        }
        let (start, end) = range(pointer, u64::from(len));
        self.bytes.get(start..end).ok_or_else(|| self.out_of_bounds())
    }

    /// The `N` bytes at `pointer`.
    #[inline]
    pub(crate) fn array<const N: usize>(&self, pointer: u32) -> Result<[u8; N], Interrupt> {
        let bytes = self.read(pointer, N as u32)?;
        bytes.try_into().map_err(|_| self.out_of_bounds())
    }

    /// Copies bytes to `pointer`; all of them or none.
    #[inline]
    pub(crate) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Interrupt> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (start, end) = range(pointer, bytes.len() as u64);
        match self.bytes.get_mut(start..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.written.unite(Written { start, end });
                Ok(())
            }
            None => Err(self.out_of_bounds()),
        }
    }

    /// Copies bytes to `pointer` if they fit into `cap`; returns the length needed either way.
    pub(crate) fn write_if_fits(
        &mut self,
        pointer: u32,
        cap: u32,
        bytes: &[u8],
    ) -> Result<i32, Interrupt> {
        if bytes.len() as u64 <= u64::from(cap) {
            self.write(pointer, bytes)?;
        }
        // Everything a host function returns is limited to far less than `i32::MAX` bytes.
        Ok(i32::try_from(bytes.len()).unwrap_or(i32::MAX))
    }

    /// The address encoded at `pointer`.
    #[inline]
    pub(crate) fn address(&self, pointer: u32) -> Result<Address, Interrupt> {
        Address::from_bytes(&self.array::<{ Address::ENCODED_LEN }>(pointer)?)
            .ok_or(Interrupt::Halt(HaltReason::InvalidAddress(self.function)))
    }

    /// The asset id at `pointer`.
    pub(crate) fn asset(&self, pointer: u32) -> Result<AssetId, Interrupt> {
        self.array(pointer).map(AssetId)
    }

    #[cold]
    fn out_of_bounds(&self) -> Interrupt {
        Interrupt::Halt(HaltReason::MemoryOutOfBounds(self.function))
    }
}

/// Start and end of a range, computed in `u64` so that they cannot wrap; a range beyond `usize`
/// is outside of any memory.
fn range(pointer: u32, len: u64) -> (usize, usize) {
    let end = u64::from(pointer) + len;
    (pointer as usize, usize::try_from(end).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_wrap_or_leave_the_memory_are_refused() {
        let mut bytes = [7; 8];
        let mut written = Written::default();
        let mut memory = GuestMemory::new(&mut bytes, &mut written, HostFunction::Input);
        for (pointer, len) in [(0, 9), (8, 1), (u32::MAX, 1), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            assert!(memory.read(pointer, len).is_err(), "{pointer} {len}");
        }
        assert!(memory.read(0, 8).is_ok());
        assert!(memory.read(u32::MAX, 0).is_ok_and(<[u8]>::is_empty));
        assert!(memory.write(7, &[1, 2]).is_err());
        assert_eq!((written.start, written.end), (usize::MAX, 0));
        assert_eq!(bytes, [7; 8]);
    }
}
