//! What a process has used. In a process of its own: beside other tests the time fell when one of
//! their threads ended and took its share of the sum along.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use tos_benches::machine::{processor_time, resident_bytes};

#[test]
fn a_process_has_used_time_and_memory() {
    assert!(resident_bytes().expect("there is a /proc") > 100_000);
    let before = processor_time().expect("there is a /proc");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(60) {}
    assert!(processor_time().expect("there is a /proc") > before);
}
