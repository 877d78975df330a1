//! M01, M02, M20, M21: what the bytes are, before anybody asks what they mean.

use tos_runtime::limits::CODE_LEN_MAX;
use tos_runtime::{
    AccessMode, ContractId, Hash, InvalidTransaction, ModuleFault as Fault, TransactionPart,
    prepare,
};

use super::{assert_refused, case, deployment, with};
use crate::support::{Chain, Order, receipt, wasm};

#[test]
fn m01_bytes_that_are_no_module_are_refused_by_name() {
    let malformed =
        |what: &'static str, says, bytes: &[u8]| case(Fault::Malformed, what, says, bytes);
    // Machine code as wasmtime stores it: accepting that would mean running it.
    let engine = wasmtime::Engine::default();
    let machine_code = engine.precompile_module(&with("")).expect("it compiles");
    assert_refused(vec![
        malformed("nothing", "empty", b""),
        malformed("three bytes", "other data", b"\0as"),
        malformed("bad magic", "other data", b"\0asn\x01\0\0\0"),
        malformed("another version", "other data", b"\0asm\x02\0\0\0"),
        malformed("a component", "wasm32v1-none", b"\0asm\x0d\0\x01\0"),
        malformed("text", "wat2wasm", b"(module)"),
        malformed("text with a comment", "wat2wasm", b";; a module\n(module)"),
        malformed("an object file", "native object", b"\x7fELF\x02\x01\x01\0"),
        malformed("machine code", "native object", &machine_code),
        malformed("compressed", "gzip", b"\x1f\x8b\x08\0"),
        malformed("an unknown section", "malformed section id", b"\0asm\x01\0\0\0\xff"),
        malformed("cut short", "unexpected end", b"\0asm\x01\0\0\0\x01\x05"),
        case(Fault::Memory, "a header alone", "has 0", b"\0asm\x01\0\0\0"),
    ]);
}

/// A module of exactly this many bytes: a custom section makes up the difference.
fn padded(len: usize, name: &[u8]) -> Vec<u8> {
    let mut code = with("");
    let body = len - code.len() - 1 - 3;
    code.push(0);
    code.extend([body as u8 | 0x80, (body >> 7) as u8 | 0x80, (body >> 14) as u8]);
    code.push(name.len() as u8);
    code.extend(name);
    code.resize(len, 0xff);
    code
}

#[test]
fn m02_code_beyond_the_length_limit_is_refused_unread() {
    let mut chain = Chain::new(2);
    let order = deployment(&chain, padded(CODE_LEN_MAX, b"padding"));
    assert!(chain.one(0, order).status.is_success(), "at the limit");
    // One more, and it is no transaction: no block can contain it, and nobody parses it.
    let long = CODE_LEN_MAX + 1;
    let expected = InvalidTransaction::TooLong {
        what: TransactionPart::Code,
        limit: CODE_LEN_MAX as u64,
        found: long as u64,
    };
    for code in [padded(long, b"padding"), vec![0xff; long]] {
        let text = prepare::check(&code).expect_err("too long").to_string();
        assert!(text.contains("524289 bytes") && text.contains("opt-level"), "{text}");
        let tx = Order::deploy(code.clone(), &[]).gas_limit(900_000_000).signed(1, 0);
        chain.assert_not_verified(&tx, &expected);
        let contract = ContractId([1; 32]);
        let tx = Order::upgrade(contract, code, &[]).gas_limit(900_000_000).signed(1, 0);
        chain.assert_not_verified(&tx, &expected);
    }
    assert_eq!(chain.nonce(1), 0);
}

/// A custom section with this content.
fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let len = 1 + name.len() + content.len();
    let mut section = vec![0, (len | 0x80) as u8, (len >> 7 | 0x80) as u8, (len >> 14) as u8];
    section.push(name.len() as u8);
    section.extend(name.as_bytes());
    section.extend(content);
    section
}

const GREETING: &str = r#"(module
    (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "hello")
    (func (export "greet") (drop (call $set_return (i32.const 0) (i32.const 5)))))"#;

#[test]
fn m20_custom_sections_are_paid_for_by_length_and_change_nothing_else() {
    // Garbage where names of functions, hints for the compiler, a description and the sections of
    // other engines are expected. The engine never reads any of them. They are part of the code's
    // hash, which is that of the bytes as deployed (M21), not of what is left of them.
    let plain = wasm(GREETING);
    let odd = [
        custom("name", &[0xff; 300_000]),
        custom("name", b"\0\xff\xff\xff\xff\x0f"),
        custom("metadata.code.branch_hint", b"\xff\xff\xff"),
        custom("metadata.code.branch_hint", &[1, 0, 1, 0xff, 1, 7]),
        custom(prepare::DESCRIPTION_SECTION, b"\xff{ not a description"),
        custom("tos:gas", b"forged"),
        custom("tos:stack", &9_i32.to_le_bytes()),
        custom(".wasmtime.engine", b"\0\0\0\0"),
        custom("sourceMappingURL", b"\x1b[2J"),
        custom("", b""),
    ];
    let count = odd.len();
    let mut chain = Chain::new(1);
    let mut txs = vec![];
    let mut codes = vec![plain.clone()];
    codes.extend(odd.iter().map(|section| [&plain[..], section].concat()));
    // In front of everything else it is as harmless.
    codes.extend(odd.iter().map(|section| [&plain[..8], section, &plain[8..]].concat()));
    for code in &codes {
        let order = deployment(&chain, code.clone());
        txs.push(chain.send(0, order));
    }
    let outcome = chain.execute(txs);
    let receipts: Vec<_> = (0..=2 * count).map(|idx| receipt(&outcome, idx).clone()).collect();
    chain.engine.commit(outcome).expect("it commits");
    let byte = chain.engine.params().costs.code_byte;
    let mut called = None;
    for (deployed, code) in receipts.iter().zip(&codes) {
        let contract = deployed.contract.expect("it is deployed");
        let more = (code.len() - plain.len()) as u64;
        assert_eq!(deployed.gas_used.0 - receipts[0].gas_used.0, more * byte);
        let record = chain.engine.contract(&contract).expect("it is read").expect("it exists");
        assert_eq!(record.code_hash, Hash(*blake3::hash(code).as_bytes()), "all bytes count");
        let call = chain.one(0, Order::invoke(contract, "greet", &[]));
        assert_eq!(call.return_data, b"hello");
        assert_eq!(called.get_or_insert(call.gas_used), &call.gas_used, "the same price");
    }
}

#[test]
fn m20_a_custom_section_whose_own_frame_is_broken_is_refused() {
    let section = |bytes: &[u8]| [&wasm(GREETING)[..], bytes].concat();
    assert_refused(vec![
        case(Fault::Malformed, "a name beyond the section", "unexpected end", section(&[0, 1, 9])),
        case(Fault::Malformed, "a length beyond the module", "end", section(&[0, 9, 1, b'x'])),
        case(Fault::Malformed, "a name that is no text", "UTF-8", section(&[0, 3, 2, 0xff, 0xff])),
    ]);
}

/// Writes a module byte by byte, each number in five bytes or in as few as it takes.
struct Bytes {
    wide: bool,
    bytes: Vec<u8>,
}

impl Bytes {
    fn new(wide: bool) -> Self {
        Self { wide, bytes: Vec::new() }
    }

    /// Numbers below 64, so that signed and unsigned ones look the same.
    fn number(mut self, number: usize) -> Self {
        if self.wide {
            let low = [number, number >> 7, number >> 14, number >> 21];
            self.bytes.extend(low.map(|part| part as u8 | 0x80));
            self.bytes.push(0);
        } else {
            assert!(number < 64, "a short number has one byte here");
            self.bytes.push(number as u8);
        }
        self
    }

    fn numbers(self, numbers: &[usize]) -> Self {
        numbers.iter().fold(self, |bytes, &number| bytes.number(number))
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    /// A length, then what it is the length of: a name, a section, a body.
    fn framed(self, content: Bytes) -> Self {
        self.number_of_any_size(content.bytes.len()).raw(&content.bytes)
    }

    fn number_of_any_size(self, number: usize) -> Self {
        if self.wide || number < 64 {
            return self.number(number);
        }
        self.raw(&[number as u8 | 0x80, (number >> 7) as u8])
    }

    fn section(self, id: u8, content: Bytes) -> Self {
        self.raw(&[id]).framed(content)
    }
}

/// Calls an import through a table and returns a text, in numbers of this width.
fn greeting(wide: bool) -> Vec<u8> {
    let new = || Bytes::new(wide);
    let name = |text: &[u8]| new().raw(text);
    let (i32, func) = (0x7f, 0x60);
    let types = new().number(2).raw(&[func]).number(2).raw(&[i32, i32]).number(1).raw(&[i32]);
    let types = types.raw(&[func]).numbers(&[0, 0]);
    let imports = new().number(1).framed(name(b"tos_v1")).framed(name(b"set_return"));
    let imports = imports.raw(&[0]).number(0);
    let exports = new().number(2).framed(name(b"memory")).raw(&[2]).number(0);
    let exports = exports.framed(name(b"greet")).raw(&[0]).number(1);
    // i32.const 8, i32.const 5, i32.const 0, call_indirect, drop
    let body = new().number(0).raw(&[0x41]).number(8).raw(&[0x41]).number(5);
    let body = body.raw(&[0x41]).number(0).raw(&[0x11]).numbers(&[0, 0]).raw(&[0x1a, 0x0b]);
    let data = new().numbers(&[1, 0]).raw(&[0x41]).number(8).raw(&[0x0b]).framed(name(b"hello"));
    Bytes::new(wide)
        .raw(b"\0asm\x01\0\0\0")
        .section(1, types)
        .section(2, imports)
        .section(3, new().numbers(&[1, 1]))
        .section(4, new().number(1).raw(&[0x70, 0]).number(1))
        .section(5, new().number(1).raw(&[0]).number(1))
        .section(7, exports)
        .section(9, new().numbers(&[1, 0]).raw(&[0x41]).number(0).raw(&[0x0b]).numbers(&[1, 0]))
        .section(10, new().number(1).framed(body))
        .section(11, data)
        .bytes
}

#[test]
fn m21_overlong_numbers_keep_their_hash_and_run_like_short_ones() {
    // The deployed bytes are the contract's identity, so they are hashed as they came; what runs is
    // written anew and does not know how long its numbers were.
    let codes = [greeting(false), greeting(true)];
    assert!(codes[1].len() > 2 * codes[0].len(), "the numbers are wide");
    let mut chain = Chain::new(1);
    let calls = codes.map(|code| {
        let order = deployment(&chain, code.clone());
        let contract = chain.one(0, order).contract.expect("it is deployed");
        let record = chain.engine.contract(&contract).expect("it is read").expect("it exists");
        assert_eq!(record.code_hash, Hash(*blake3::hash(&code).as_bytes()));
        let order = Order::invoke(contract, "greet", &[]);
        chain.one(0, order.access(contract, AccessMode::Read))
    });
    assert_eq!(calls[0].return_data, b"hello");
    assert_eq!(calls[1], calls[0], "the same receipt, gas included");
}

#[test]
fn m21_numbers_that_do_not_end_are_refused() {
    // The count of types in six bytes, and in five whose last has bits beyond the 32nd.
    let types = |number: &[u8]| {
        let mut code = b"\0asm\x01\0\0\0\x01".to_vec();
        code.push(number.len() as u8);
        code.extend(number);
        code
    };
    assert_refused(vec![
        case(Fault::Malformed, "six bytes", "too long", types(&[0x80, 0x80, 0x80, 0x80, 0x80, 0])),
        case(Fault::Malformed, "bit 33", "too large", types(&[0x80, 0x80, 0x80, 0x80, 0x10])),
    ]);
}
