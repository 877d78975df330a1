//! Descriptions that nobody honest wrote.

use tos_runtime::description::{
    AccessRoot, AccessStep, AccessTemplate, ArgumentFault, DESCRIPTION_LEN_MAX, DescribedCall,
    Description, DescriptionError, Entry, EntryKind, Field, TYPE_DEPTH_MAX, TemplateError, Type,
    template_access,
};
use tos_runtime::{AccessMode, CallAccessError, ContractId, limits};

use super::{TOKEN, arguments, with_template};
use crate::support::{Chain, Order, Rng, account, wasm};

fn fragment(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("short").to_le_bytes();
    [&[1, tag][..], &len, content].concat()
}

/// A contract without a name and anything else.
fn nameless() -> Vec<u8> {
    fragment(0, &[0; 20])
}

/// An event whose only field has the type with this encoding.
fn event(ty: &[u8]) -> Vec<u8> {
    let one_field = [&[0; 8][..], &1_u32.to_le_bytes(), &[0; 4], ty, &[0; 4]].concat();
    fragment(2, &one_field)
}

/// The content of the token's description section.
fn genuine() -> Vec<u8> {
    let info = tos_runtime::prepare::check(TOKEN).expect("it is accepted");
    info.description.expect("it has one")
}

#[test]
fn every_cut_and_every_changed_byte_is_survived() {
    let genuine = genuine();
    assert!(Description::decode(&genuine).is_ok());
    for len in 0..genuine.len() {
        // A cut at the end of a fragment leaves a shorter description.
        let _ = Description::decode(&genuine[..len]);
    }
    for at in 0..genuine.len() {
        // A near miss of a tag or length, and a far one.
        for flip in [1, 0x80] {
            let mut bytes = genuine.clone();
            bytes[at] ^= flip;
            if let Ok(description) = Description::decode(&bytes) {
                fill_in(&description);
            }
        }
    }
}

/// Fills in every template with some input: whatever comes out, it comes out.
fn fill_in(description: &Description) {
    let source = account(1);
    for entry in &description.entries {
        let input = arguments(&(account(2), account(3), 5_u64));
        let contract = ContractId([3; 32]);
        let call =
            DescribedCall { source, caller: source, contract, entry: &entry.name, input: &input };
        if let Ok(list) = template_access(description, &call) {
            assert!(list.len() <= limits::ACCESS_ENTRIES_MAX);
        }
    }
}

#[test]
fn random_bytes_are_survived() {
    let mut rng = Rng::new(7);
    for _ in 0..20_000 {
        let len = rng.below(200) as usize;
        let bytes: Vec<u8> = (0..len).map(|_| rng.below(24) as u8).collect();
        let _ = Description::decode(&bytes);
        let _ = Description::decode(&[nameless(), fragment(1, &bytes)].concat());
    }
}

#[test]
fn lengths_and_depths_are_bounded() {
    let long = vec![0; DESCRIPTION_LEN_MAX + 1];
    let found = long.len();
    assert_eq!(Description::decode(&long), Err(DescriptionError::TooLong { found }));
    // `Option<Option<...<()>>>` as deep as allowed, and one deeper.
    let nested = |depth: usize| [vec![18; depth - 1], vec![0]].concat();
    let deep = |depth| Description::decode(&[nameless(), event(&nested(depth))].concat());
    assert!(deep(TYPE_DEPTH_MAX).is_ok());
    assert!(matches!(deep(TYPE_DEPTH_MAX + 1), Err(DescriptionError::TooDeep { .. })));
    assert!(matches!(deep(60_000), Err(DescriptionError::TooDeep { .. })));
    // Four billion entries, of which there is none.
    let claimed = [nameless(), fragment(1, &[0xff; 4])].concat();
    let offset = claimed.len();
    assert_eq!(Description::decode(&claimed), Err(DescriptionError::Short { offset }));
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |bytes: &[u8]| Description::decode(bytes).expect_err("it is refused");
    assert_eq!(refused(&[]), DescriptionError::Contracts { found: 0 });
    let twice = [nameless(), nameless()].concat();
    assert_eq!(refused(&twice), DescriptionError::Contracts { found: 2 });
    assert_eq!(refused(&[2, 0, 0, 0, 0, 0]), DescriptionError::Version { found: 2 });
    let tag = refused(&fragment(3, &[]));
    assert_eq!(tag, DescriptionError::Invalid { what: "fragment", offset: 6 });
    let rest = refused(&fragment(0, &[0; 21]));
    assert_eq!(rest, DescriptionError::Invalid { what: "end of a fragment", offset: 26 });
    let events = [nameless(), event(&[0]), event(&[0])].concat();
    assert_eq!(refused(&events), DescriptionError::Duplicate { what: "events" });
    let ty = refused(&[nameless(), event(&[24])].concat());
    assert!(matches!(ty, DescriptionError::Invalid { what: "type", .. }), "{ty}");
}

/// A description with one entry `go(argument)` and a template.
fn one_entry(ty: Type, access: Vec<AccessTemplate>) -> Description {
    let mut description = Description::decode(&nameless()).expect("it decodes");
    description.entries.push(Entry {
        name: "go".into(),
        kind: EntryKind::Call,
        docs: String::new(),
        arguments: vec![Field { name: "argument".into(), ty }],
        output: Type::Unit,
        error: None,
        access: Some(access),
    });
    description
}

#[track_caller]
fn assert_fills_in(
    (ty, access): (Type, Vec<AccessTemplate>),
    input: &[u8],
    expected: &TemplateError,
) {
    let source = account(1);
    let contract = ContractId([3; 32]);
    let call = DescribedCall { source, caller: source, contract, entry: "go", input };
    assert_eq!(template_access(&one_entry(ty, access), &call).as_ref(), Err(expected));
}

fn line(position: u8, steps: Vec<AccessStep>) -> AccessTemplate {
    AccessTemplate { root: AccessRoot::Argument(position), steps, mode: AccessMode::Read }
}

#[test]
fn elements_without_bytes_cannot_be_claimed_for_free() {
    let units = Type::List(Box::new(Type::Unit));
    let fault = |ty: &Type| TemplateError::Argument {
        entry: "go".into(),
        argument: "argument".into(),
        ty: Box::new(ty.clone()),
        fault: ArgumentFault::TooManyParts,
    };
    assert_fills_in((units.clone(), vec![]), &[0xff; 4], &fault(&units));
    let nested = Type::Array(u32::MAX, Box::new(Type::Array(u32::MAX, Box::new(Type::Unit))));
    assert_fills_in((nested.clone(), vec![]), &[], &fault(&nested));
    // Nor can thousands of lines to every element of a long list.
    let addresses = Type::List(Box::new(Type::Address));
    let lines = vec![line(0, vec![AccessStep::Each]); 60_000];
    let many = arguments(&vec![account(1); 1_900]);
    assert_fills_in((addresses.clone(), lines), &many, &fault(&addresses));
}

#[test]
fn many_lines_to_many_fields_are_counted() {
    // Each line is compared with each field: 3,000 of both would be nine million steps an element.
    let field = |at: usize| Field { name: at.to_string(), ty: Type::Unit };
    let wide = Type::Struct("Wide".into(), (0..3_000).map(field).collect());
    let lines = vec![line(0, vec![AccessStep::Field("0".into())]); 3_000];
    let fault = TemplateError::Argument {
        entry: "go".into(),
        argument: "argument".into(),
        ty: Box::new(wide.clone()),
        fault: ArgumentFault::TooManyParts,
    };
    // The line would lead nowhere; that is found at the last field only.
    let last = vec![line(0, vec![AccessStep::Field("2999".into())]); 3_000];
    assert_fills_in((wide.clone(), last), &[], &fault);
    assert_fills_in(
        (wide, lines),
        &[],
        &TemplateError::Path { entry: "go".into(), argument: "argument".into() },
    );
}

#[test]
fn templates_that_lead_nowhere_are_refused() {
    let nowhere =
        |argument: &str| TemplateError::Path { entry: "go".into(), argument: argument.into() };
    let input = account(1).to_bytes();
    let field = || AccessStep::Field("to".into());
    let cases = [
        (Type::Address, line(0, vec![field()])),
        (Type::Array(33, Box::new(Type::U8)), line(0, vec![])),
        (Type::Array(33, Box::new(Type::U8)), line(0, vec![AccessStep::Each])),
        (Type::Struct("S".into(), vec![]), line(0, vec![field()])),
        (Type::Tuple(vec![Type::Address]), line(0, vec![])),
    ];
    for (ty, line) in cases {
        assert_fills_in((ty, vec![line]), &input, &nowhere("argument"));
    }
    assert_fills_in((Type::Address, vec![line(1, vec![])]), &input, &nowhere("?"));
}

#[test]
fn a_contract_with_garbage_runs_and_says_nothing_of_itself() {
    let mut chain = Chain::new(2);
    let text = "(module (memory (export \"memory\") 1) (func (export \"go\")))";
    let mut code = wasm(text);
    let name = b"tos.description";
    let garbage = [7; 20];
    code.extend([0, (1 + name.len() + garbage.len()) as u8, name.len() as u8]);
    code.extend(name);
    code.extend(garbage);
    let contract = chain.deploy(code, &[]);
    assert!(chain.one(1, Order::invoke(contract, "go", &[])).status.is_success());
    let error = chain.engine.description(&contract).expect_err("garbage");
    assert_eq!(error.to_string(), "description of version 7, known is 1");
    let refused = with_template(&chain, 1, Order::invoke(contract, "go", &[]));
    assert!(matches!(refused, Err(CallAccessError::Malformed(_))));
}
