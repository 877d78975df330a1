//! Bytes that are being put together: keys, values, inputs, messages.
#![allow(unsafe_code, reason = "a vector of bytes in a tenth of the code of `Vec`")]

#[cfg(not(target_arch = "wasm32"))]
use alloc::alloc::{alloc, dealloc, realloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::ops::Deref;

// Directly: the way around by the names of the standard library is longer than the allocator.
#[cfg(target_arch = "wasm32")]
use crate::guest::{alloc, dealloc, realloc};

/// Growing bytes.
///
/// Does what `Vec<u8>` does, without the kilobytes that `Vec` brings along for failures that end a
/// contract anyway.
///
/// ```
/// use tos_sdk::{Buffer, Data};
///
/// let mut out = Buffer::new();
/// 7u16.encode(&mut out);
/// out.push(b"!");
/// assert_eq!(&*out, [7, 0, b'!']);
/// ```
#[derive(Debug)]
pub struct Buffer {
    start: *mut u8,
    len: usize,
    /// Bytes there is room for; 0 until the first are added, when `start` points nowhere.
    room: usize,
}

/// Room of a buffer that holds anything: most never grow.
const ROOM_MIN: usize = 128;

impl Buffer {
    /// An empty buffer, without any room.
    #[must_use]
    pub const fn new() -> Self {
        Self { start: core::ptr::dangling_mut(), len: 0, room: 0 }
    }

    /// An empty buffer with room for so many bytes, not zero.
    pub(crate) fn with_room(room: usize) -> Self {
        let mut buffer = Self::new();
        buffer.grow_to(room);
        buffer
    }

    /// Adds bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        // Memory ends far below the largest number.
        let len = self.len.wrapping_add(bytes.len());
        if len > self.room {
            self.grow_to(len.wrapping_add(len).max(ROOM_MIN));
        }
        // SAFETY: there is room for the bytes behind the first `len`, and they are not borrowed
        // from this buffer, which is borrowed mutably.
        unsafe { self.start.add(self.len).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        self.len = len;
    }

    /// Adds text. Of messages, which are written once before the end: nothing to inline.
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    /// Adds a number in decimal.
    #[inline(never)]
    pub(crate) fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.push(&[b'0' | (number % 10) as u8]);
    }

    /// The bytes, never to be freed.
    pub(crate) fn leak(self) -> &'static [u8] {
        let buffer = core::mem::ManuallyDrop::new(self);
        // SAFETY: nobody frees or changes them any more.
        unsafe { core::slice::from_raw_parts(buffer.start, buffer.len) }
    }

    /// Where the host may write as many bytes as there is room for.
    pub(crate) fn free(&mut self) -> *mut u8 {
        self.start
    }

    /// Bytes there is room for.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// Declares the first bytes written.
    ///
    /// # Safety
    /// They are, and there is room for them.
    pub(crate) unsafe fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    /// Makes room. `room` is more than there is.
    #[inline(never)]
    fn grow_to(&mut self, room: usize) {
        // SAFETY: `room` is not zero, and an area that there is was allocated with this layout.
        let start = unsafe {
            if self.room == 0 {
                alloc(layout(room))
            } else {
                realloc(self.start, layout(self.room), room)
            }
        };
        if start.is_null() {
            crate::error::out_of_memory();
        }
        self.start = start;
        self.room = room;
    }
}

fn layout(len: usize) -> Layout {
    // SAFETY: an alignment of 1 fits any length that memory can have.
    unsafe { Layout::from_size_align_unchecked(len, 1) }
}

impl Default for Buffer {
    #[inline(always)]
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Buffer {
    #[inline(always)]
    fn drop(&mut self) {
        if self.room > 0 {
            // SAFETY: the area was allocated with this layout.
            unsafe { dealloc(self.start, layout(self.room)) };
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the first `len` bytes are written; an empty buffer's pointer is aligned.
        unsafe { core::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut clone = Self::new();
        clone.push(self);
        clone
    }
}

impl From<Buffer> for Vec<u8> {
    fn from(buffer: Buffer) -> Self {
        buffer.to_vec()
    }
}
