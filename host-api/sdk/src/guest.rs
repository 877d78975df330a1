//! What a module needs to run without a standard library: an allocator and a panic handler. On
//! other machines than a contract's there is neither.
#![allow(unsafe_code, reason = "an allocator is unsafe to write")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;

use crate::{error, sys};

/// Hands out memory from the end of the module's data upwards. What is freed is used again only if
/// it was handed out last, which is what temporaries are; everything else goes with the instance at
/// the end of the call.
struct Bump {
    /// The first free byte.
    top: Cell<*mut u8>,
    /// End of the memory there is.
    end: Cell<*mut u8>,
}

// SAFETY: a contract has one thread.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump {
    top: Cell::new((&raw const __heap_base).cast_mut()),
    end: Cell::new((&raw const __heap_end).cast_mut()),
};

const PAGE: usize = 64 * 1024;

unsafe extern "C" {
    /// Set by the linker: where the heap may begin.
    static __heap_base: u8;
    /// Set by the linker: where memory ends when the module is instantiated.
    static __heap_end: u8;
}

impl Bump {
    // Memory ends at 2^22 and a layout below 2^31, so that no sum here wraps; checking for it would
    // be code in every contract.

    /// Makes `top` the first free address; false when memory cannot grow that far.
    fn move_to(&self, top: *mut u8) -> bool {
        if top > self.end.get() && !self.grow_to(top) {
            return false;
        }
        self.top.set(top);
        true
    }

    /// Gets pages up to there.
    #[cold]
    #[inline(never)]
    fn grow_to(&self, top: *mut u8) -> bool {
        let end = self.end.get();
        let pages = (top as usize).wrapping_sub(end as usize).wrapping_add(PAGE - 1) / PAGE;
        if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
            return false;
        }
        self.end.set(end.wrapping_add(pages.wrapping_mul(PAGE)));
        true
    }
}

// SAFETY: areas handed out do not overlap, because `top` only moves back over the last one, when
// that is freed; `end` is what memory has.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mask = layout.align().wrapping_sub(1);
        let start = self.top.get().wrapping_add(mask).map_addr(|start| start & !mask);
        if self.move_to(start.wrapping_add(layout.size())) { start } else { core::ptr::null_mut() }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if pointer.wrapping_add(layout.size()) == self.top.get() {
            self.top.set(pointer);
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if pointer.wrapping_add(layout.size()) == self.top.get() {
            return if self.move_to(pointer.wrapping_add(size)) {
                pointer
            } else {
                core::ptr::null_mut()
            };
        }
        // SAFETY: the layout was valid for the old size and is for the new one, which the caller
        // vouches for; the areas do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
            }
            moved
        }
    }
}

// What the names of the standard library come to in the end.

pub(crate) unsafe fn alloc(layout: Layout) -> *mut u8 {
    // SAFETY: passed on.
    unsafe { ALLOCATOR.alloc(layout) }
}

pub(crate) unsafe fn dealloc(pointer: *mut u8, layout: Layout) {
    // SAFETY: passed on.
    unsafe { ALLOCATOR.dealloc(pointer, layout) }
}

pub(crate) unsafe fn realloc(pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: passed on.
    unsafe { ALLOCATOR.realloc(pointer, layout, size) }
}

/// Room for a panic's message; the host takes 1024 bytes.
const MESSAGE_LEN: usize = 256;

/// A message that is cut when it is full. Does not allocate: memory may be what has run out.
struct Message {
    bytes: [u8; MESSAGE_LEN],
    len: usize,
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.push(byte);
        }
        Ok(())
    }

    /// As the formatter writes padding and signs; everything else comes as text.
    fn write_char(&mut self, c: char) -> fmt::Result {
        self.push(if c.is_ascii() { c as u8 } else { b'?' });
        Ok(())
    }
}

impl Message {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len = self.len.wrapping_add(1);
        }
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut message = Message { bytes: [0; MESSAGE_LEN], len: 0 };
    let _ = write!(message, "{}", info.message());
    let text = message.bytes.get(..message.len).unwrap_or_default();
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    sys::abort(error::codes::PANIC, text, file, line)
}
