//! What a module may be made of, beyond the limits guests also see (`tos_host_api::limits`).
//!
//! Every limit is stricter than any ceiling of wasmparser or wasmtime, so that acceptance is
//! decided here and a compiler never has to say no. Each is consensus: changing one changes which
//! deployments succeed. [`ALL`] lists them for hashing into the protocol's identity.

/// Declares the constants and the list of all of them, so that none is forgotten in the list.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: u64 = $value;)*

        /// Name and value of every limit in this file.
        pub const ALL: &[(&str, u64)] = &[$((stringify!($name), $name)),*];
    };
}

limits! {
    /// Function types. Rust modules have a few dozen.
    TYPES_MAX = 1_000;
    /// Parameters of one function type. Each parameter is moved at every call.
    PARAMS_MAX = 32;
    /// Parameters of all functions together. A large type used by many functions is a small file
    /// and gigabytes of compiler memory (CWA-2023-004).
    PARAMS_TOTAL_MAX = 10_000;
    /// Imports. The host offers fewer functions than this; some slack for repeated ones.
    IMPORTS_MAX = 128;
    /// Functions a module defines. Bounds per-function memory of the compiler.
    FUNCTIONS_MAX = 10_000;
    /// Globals. All of them are state that has to be reset between calls.
    GLOBALS_MAX = 256;
    /// Exports. Bounds the list of entries kept per contract.
    EXPORTS_MAX = 1_024;
    /// Data segments. Each is copied at every instantiation.
    DATA_SEGMENTS_MAX = 1_024;
    /// Element segments. Each is written at every instantiation.
    ELEMENT_SEGMENTS_MAX = 64;
    /// Bytes of one function's body. Parts of a compiler are more than linear in it.
    BODY_BYTES_MAX = 64 * 1024;
    /// Operators of one function, those in unreachable code included.
    OPERATORS_MAX = 20_000;
    /// Local variables of one function without its parameters. Each is zeroed at every call.
    LOCALS_MAX = 256;
    /// Local variables of all functions together.
    LOCALS_TOTAL_MAX = 20_000;
    /// Words of one frame: parameters, locals and the highest operand stack. Bounds what one call
    /// can take from the native stack.
    FRAME_WORDS_MAX = 1_024;
    /// Words every accounted call takes on top of its frame: return address, saved registers,
    /// outgoing arguments.
    FRAME_WORDS_MIN = 8;
    /// Operators and merged values that make one more word of the frame. What WebAssembly sees of a
    /// frame does not bound the native one: an optimiser may keep the result of any operator until
    /// later, and a simple allocator gives every merged value a place of its own.
    HIDDEN_VALUES_PER_FRAME_WORD = 32;
    /// Words of stack of a call chain, nested contracts included; an empty recursion gets 2,048
    /// calls deep. Native frames measured with functions made to maximise them: at most 17 bytes
    /// per word from the optimising compiler and allocator, 110 from the plain ones.
    STACK_WORDS_MAX = 16_384;
    /// Words that a call from contract to contract takes besides the frames of both guests: those of
    /// the host function, of instantiation and of the entry into compiled code. Measured: 16.5 KB in
    /// a debug build, 65 bytes per word.
    CALL_STACK_WORDS = 256;
    /// Blocks, loops and ifs open at one place.
    NESTING_MAX = 256;
    /// Blocks, loops and ifs of one function. Compilation takes time in proportion to their square:
    /// about 150 ms for this many loops. The largest of a contract full of cryptography: 131.
    BLOCKS_MAX = 1_024;
    /// Blocks, loops and ifs of all functions together.
    BLOCKS_TOTAL_MAX = 16_384;
    /// Values of local variables carried over the branches of one function. Compilation takes time
    /// in proportion to their square: about 100 ms for this many. The largest of a contract full
    /// of cryptography: 2,500.
    MERGED_VALUES_MAX = 8_192;
    /// Values of local variables carried over the branches of all functions.
    MERGED_VALUES_TOTAL_MAX = 65_536;
    /// Targets of one `br_table`.
    BRANCH_TARGETS_MAX = 1_024;
    /// Targets of all `br_table` together.
    BRANCH_TARGETS_TOTAL_MAX = 16_384;
}

/// Prefix of the export names that preparation adds. A guest that uses it is refused.
pub const RESERVED_PREFIX: &str = "tos:";

/// Bytes of guest text (names, a validator's message quoting one) that an error may carry.
pub const EXCERPT_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_stay_below_what_the_compiler_refuses() {
        // wasmparser and wasmtime refuse above these; a module within our limits must never see it.
        const { assert!(TYPES_MAX < 1_000_000 && FUNCTIONS_MAX < 1_000_000) };
        const { assert!(BODY_BYTES_MAX < 7_654_321 && LOCALS_MAX + PARAMS_MAX < 50_000) };
        const { assert!(DATA_SEGMENTS_MAX < 100_000 && ELEMENT_SEGMENTS_MAX < 100_000) };
        assert!(ALL.iter().all(|&(_, value)| value > 0));
    }
}
