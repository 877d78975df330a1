//! What a call gives back: return data, events, and words for the operator.

use tos_host_api::{Hash, Status, limits};
use wasmtime::Linker;

use super::{HostCall, code, host_function};
use crate::execute::{GuestMessage, Interrupt};
use crate::sandbox::HostState;
use crate::types::{Event, RevertReason};

pub(super) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_function!(linker, SetReturn, |call, data: u32, len: u32| -> i32 {
        if len as usize > limits::RETURN_LEN_MAX {
            return Ok(code(Status::TooLong));
        }
        call.charge_bytes(u64::from(len))?;
        let (memory, state) = call.memory();
        state.return_data = memory.read(data, len)?.to_vec();
        Ok(code(Status::Ok))
    });
    host_function!(linker, Emit, |call,
                                  topics: u32,
                                  topic_count: u32,
                                  data: u32,
                                  data_len: u32|
     -> i32 {
        emit(call, (topics, topic_count), (data, data_len))
    });
    host_function!(linker, Abort, |call,
                                   abort_code: u32,
                                   message: u32,
                                   message_len: u32,
                                   file: u32,
                                   file_len: u32,
                                   line: u32|
     -> () {
        let text = message_text(call, message, message_len)?;
        let place = message_text(call, file, file_len)?;
        // Guests written by hand have no file and line to offer.
        let place = if place.is_empty() { place } else { format!(" ({place}:{line})") };
        let message = GuestMessage {
            contract: call.state().frame.contract,
            text: format!("abort {abort_code}: {text}{place}"),
        };
        call.state().scope.keep_message(message);
        Err(RevertReason::Contract(abort_code).into())
    });
    host_function!(linker, DebugLog, |call, message: u32, len: u32| -> () {
        let text = message_text(call, message, len)?;
        let contract = call.state().frame.contract;
        call.state().scope.keep_message(GuestMessage { contract, text });
        Ok(())
    });
    Ok(())
}

fn emit(
    call: &mut HostCall<'_, '_>,
    (topics, topic_count): (u32, u32),
    (data, data_len): (u32, u32),
) -> Result<i32, Interrupt> {
    if data_len as usize > limits::EVENT_DATA_LEN_MAX {
        return Ok(code(Status::TooLong));
    }
    if topic_count as usize > limits::EVENT_TOPICS_MAX
        || call.state().scope.journal.event_count() >= limits::EVENTS_MAX
    {
        return Ok(code(Status::EventLimit));
    }
    let topics_len = topic_count * 32;
    call.charge_bytes(u64::from(topics_len) + u64::from(data_len))?;
    let (memory, state) = call.memory();
    let topics = memory
        .read(topics, topics_len)?
        .as_chunks::<32>()
        .0
        .iter()
        .map(|topic| Hash(*topic))
        .collect();
    let data = memory.read(data, data_len)?.to_vec();
    state.scope.journal.emit(Event { contract: state.frame.contract, topics, data });
    Ok(code(Status::Ok))
}

/// A message for the operator, cut to its limit. Bytes that are no UTF-8 are replaced and control
/// characters escaped: whoever prints it must not be at the guest's mercy.
fn message_text(call: &mut HostCall<'_, '_>, pointer: u32, len: u32) -> Result<String, Interrupt> {
    let len = len.min(limits::MESSAGE_LEN_MAX as u32);
    call.charge_bytes(u64::from(len))?;
    // What an operator has read is not taken back.
    call.settle()?;
    let (memory, _) = call.memory();
    let bytes = memory.read(pointer, len)?;
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\'' | '"' => text.push(c),
            // Also what changes the direction of text or attaches to its neighbour.
            _ => text.extend(c.escape_debug()),
        }
    }
    Ok(text)
}
