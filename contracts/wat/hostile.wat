;; The hostile guest: one export for each attack on the host interface that takes more than a single
;; odd call. Read it to learn what the interface does at its edges; every entry says what comes out.
;; Single calls with odd arguments are `raw.wat` beside it. Each name starts with the row of the
;; list of bad inputs that it serves, and the tests of the same name hold it to its word.
;;
;; An entry that takes numbers finds them at the start of its input, as u32, little-endian.
(module
  (import "tos_v1" "contract" (func $contract (param $out i32)))
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (param $cap i32)
    (result i32)))
  (import "tos_v1" "storage_write" (func $storage_write
    (param $partition i32) (param $key i32) (param $key_len i32)
    (param $value i32) (param $value_len i32) (result i32)))
  (import "tos_v1" "storage_remove" (func $storage_remove
    (param $partition i32) (param $key i32) (param $key_len i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (result i32)))
  (import "tos_v1" "transfer" (func $transfer
    (param $to i32) (param $asset i32) (param $amount i64) (result i32)))
  (import "tos_v1" "call" (func $call
    (param $contract i32) (param $entry i32) (param $entry_len i32)
    (param $input i32) (param $input_len i32) (param $gas i64)
    (param $deposits i32) (param $deposit_count i32) (result i32)))
  (import "tos_v1" "return_data" (func $return_data (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "revert_code" (func $revert_code (result i32)))
  (import "tos_v1" "gas_left" (func $gas_left (result i64)))
  (import "tos_v1" "set_return" (func $set_return (param $data i32) (param $len i32) (result i32)))
  (import "tos_v1" "emit" (func $emit
    (param $topics i32) (param $topic_count i32) (param $data i32) (param $data_len i32)
    (result i32)))
  (import "tos_v1" "abort" (func $abort
    (param $code i32) (param $message i32) (param $message_len i32)
    (param $file i32) (param $file_len i32) (param $line i32)))
  (import "tos_v1" "debug_log" (func $debug_log (param $message i32) (param $len i32)))

  ;; Memory:
  ;;   0..4096      the input
  ;;   4096..4129   this contract's address: the partition of all its slots here
  ;;   4160..4192   the native asset (zeroes)
  ;;   4224..       constants
  ;;   8192..       results
  (memory (export "memory") 1)
  (data (i32.const 4224) "slot")
  (data (i32.const 4232) "first")
  (data (i32.const 4240) "last")
  (data (i32.const 4248) "h16_relay")
  (data (i32.const 4264) "h17_gas")
  (data (i32.const 4272) "m16_recurse")
  (data (i32.const 4288) "h15_return_and_abort")

  ;; Fetches the input and the own address; returns the input's length.
  (func $take (result i32)
    (call $contract (i32.const 4096))
    (call $input (i32.const 0) (i32.const 4096)))

  ;; Number `$index` of the input.
  (func $number (param $index i32) (result i32)
    (i32.load (i32.mul (local.get $index) (i32.const 4))))

  ;; Sets the slot "slot" to `$len` bytes from `$value`.
  (func $write (param $value i32) (param $len i32)
    (drop (call $storage_write
      (i32.const 4096) (i32.const 4224) (i32.const 4) (local.get $value) (local.get $len))))

  (func $give (param $data i32) (param $len i32)
    (drop (call $set_return (local.get $data) (local.get $len))))

  (func $fail (param $code i32)
    (call $abort
      (local.get $code) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

  ;; ---- Modules: what no gate can see ----

  ;; M15: functions that each call the next one ten times run for years, without a single loop and
  ;; at a stack depth of ten. Gas ends it.
  (func $m15_1)
  (func $m15_10
    (call $m15_1) (call $m15_1) (call $m15_1) (call $m15_1) (call $m15_1)
    (call $m15_1) (call $m15_1) (call $m15_1) (call $m15_1) (call $m15_1))
  (func $m15_100
    (call $m15_10) (call $m15_10) (call $m15_10) (call $m15_10) (call $m15_10)
    (call $m15_10) (call $m15_10) (call $m15_10) (call $m15_10) (call $m15_10))
  (func $m15_1000
    (call $m15_100) (call $m15_100) (call $m15_100) (call $m15_100) (call $m15_100)
    (call $m15_100) (call $m15_100) (call $m15_100) (call $m15_100) (call $m15_100))
  (func $m15_10000
    (call $m15_1000) (call $m15_1000) (call $m15_1000) (call $m15_1000) (call $m15_1000)
    (call $m15_1000) (call $m15_1000) (call $m15_1000) (call $m15_1000) (call $m15_1000))
  (func $m15_100000
    (call $m15_10000) (call $m15_10000) (call $m15_10000) (call $m15_10000) (call $m15_10000)
    (call $m15_10000) (call $m15_10000) (call $m15_10000) (call $m15_10000) (call $m15_10000))
  (func $m15_1000000
    (call $m15_100000) (call $m15_100000) (call $m15_100000) (call $m15_100000) (call $m15_100000)
    (call $m15_100000) (call $m15_100000) (call $m15_100000) (call $m15_100000) (call $m15_100000))
  (func $m15_10000000
    (call $m15_1000000) (call $m15_1000000) (call $m15_1000000) (call $m15_1000000)
    (call $m15_1000000) (call $m15_1000000) (call $m15_1000000) (call $m15_1000000)
    (call $m15_1000000) (call $m15_1000000))
  (func (export "m15_exponential")
    (call $m15_10000000) (call $m15_10000000) (call $m15_10000000) (call $m15_10000000)
    (call $m15_10000000) (call $m15_10000000) (call $m15_10000000) (call $m15_10000000)
    (call $m15_10000000) (call $m15_10000000))

  ;; M16: recursion to a depth. Input: the depth. Each frame takes eight words, a parameter and two
  ;; operands; the frame too many halts the transaction, at the same depth everywhere.
  (func $m16_down (param $depth i32)
    (if (local.get $depth)
      (then (call $m16_down (i32.sub (local.get $depth) (i32.const 1))))))
  (func (export "m16_recurse")
    (drop (call $input (i32.const 0) (i32.const 4)))
    (call $m16_down (i32.load (i32.const 0))))

  ;; M16: recursion to a depth, and from there into another contract, which recurses in turn. Input:
  ;; the own depth, the callee's depth, the callee's address. Returns the status of the call: both
  ;; share one stack, and the callee that finds too little of it is halted alone.
  (func $m16_down_and_over (param $depth i32)
    (if (local.get $depth)
      (then (call $m16_down_and_over (i32.sub (local.get $depth) (i32.const 1))))
      (else
        (i32.store (i32.const 8192)
          (call $call
            (i32.const 8) (i32.const 4272) (i32.const 11) (i32.const 4) (i32.const 4)
            (i64.const -1) (i32.const 0) (i32.const 0))))))
  (func (export "m16_recurse_through")
    (drop (call $input (i32.const 0) (i32.const 41)))
    (call $m16_down_and_over (i32.load (i32.const 0)))
    (drop (call $set_return (i32.const 8192) (i32.const 4))))

  ;; M17: loops that do nothing, and a loop of operators that do nothing. Gas ends both.
  (func (export "m17_spin") (loop $again (br $again)))
  (func (export "m17_nops")
    (loop $again
      nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
      nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop
      (br $again)))

  ;; M17: two entries that run the same operators. The second carries code that cannot run, with
  ;; operands from nowhere: valid, free of charge, and no way out of the metering.
  (func (export "m17_plain")
    (block $out (br $out)))
  (func (export "m17_garbage")
    (block $out
      (br $out)
      i32.add i64.extend_i32_u i64.mul drop (loop $never (br $never)) select drop return))

  ;; M27: asks for memory again and again. Input: pages, times. Returns the last answer and the size
  ;; in pages. What cannot be granted is -1 and costs the same.
  (func (export "m27_grow") (local $left i32)
    (drop (call $take))
    (local.set $left (call $number (i32.const 1)))
    (loop $again
      (i32.store (i32.const 8192) (memory.grow (call $number (i32.const 0))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (i32.const 8196) (memory.size))
    (call $give (i32.const 8192) (i32.const 8)))

  ;; M28: fills or copies memory again and again. Input: bytes, times. The length is paid before the
  ;; first byte moves; one that leaves the memory is paid, then traps.
  (func (export "m28_fill") (local $len i32) (local $left i32)
    (drop (call $take))
    (local.set $len (call $number (i32.const 0)))
    (local.set $left (call $number (i32.const 1)))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (local.get $len))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "m28_copy") (local $len i32) (local $left i32)
    (drop (call $take))
    (local.set $len (call $number (i32.const 0)))
    (local.set $left (call $number (i32.const 1)))
    (loop $again
      (memory.copy (i32.const 0) (i32.const 1) (local.get $len))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))

  ;; ---- Memory shared with the host ----

  ;; H04: the value read lands on the key that names it. Input: key (8 bytes), value (32 bytes).
  ;; Writes the slot, reads it to four bytes behind the key's start, and returns the 40 bytes that
  ;; the input occupied: the key was read whole before the value was written.
  (func (export "h04_value_over_key")
    (drop (call $take))
    (drop (call $storage_write
      (i32.const 4096) (i32.const 0) (i32.const 8) (i32.const 8) (i32.const 32)))
    (drop (call $storage_read
      (i32.const 4096) (i32.const 0) (i32.const 8) (i32.const 4) (i32.const 32)))
    (call $give (i32.const 0) (i32.const 40)))

  ;; H04: a counter lands on the address of its own partition. Returns what was the address.
  (func (export "h04_counter_over_address")
    (drop (call $take))
    (drop (call $counter_add (i32.const 4096) (i32.const 4224) (i32.const 4) (i64.const 7)))
    (drop (call $counter_read (i32.const 4096) (i32.const 4224) (i32.const 4) (i32.const 4096)))
    (call $give (i32.const 4096) (i32.const 33)))

  ;; H24: one range is topic, data, key, value and return data at once, and is overwritten
  ;; afterwards. The host copied: event, slot and return data keep what was there. Input: 32 bytes.
  (func (export "h24_overwritten")
    (drop (call $take))
    (drop (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 32)))
    (drop (call $storage_write
      (i32.const 4096) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 32)))
    (call $give (i32.const 0) (i32.const 32))
    (memory.fill (i32.const 0) (i32.const 0xff) (i32.const 32)))

  ;; ---- Storage ----

  ;; H06: reads one slot again and again. Input: times, then the key. A slot that does not exist
  ;; costs as much as one that is empty.
  (func (export "h06_read") (local $left i32) (local $key_len i32)
    (local.set $key_len (i32.sub (call $take) (i32.const 4)))
    (local.set $left (call $number (i32.const 0)))
    (loop $again
      (drop (call $storage_read
        (i32.const 4096) (i32.const 4) (local.get $key_len) (i32.const 8192) (i32.const 4096)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))

  ;; H07: writes, removes and writes one slot again and again. Input: times. Each step is paid for;
  ;; what reaches the block is one change.
  (func (export "h07_rewrite") (local $left i32)
    (drop (call $take))
    (local.set $left (call $number (i32.const 0)))
    (loop $again
      (call $write (i32.const 4232) (i32.const 5))
      (drop (call $storage_remove (i32.const 4096) (i32.const 4224) (i32.const 4)))
      (call $write (i32.const 4240) (i32.const 4))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))

  ;; ---- Money ----

  ;; H11: pays the same native units twice. Input: receiver (33 bytes), amount (u64). Returns both
  ;; statuses: each payment looks at what the one before it left.
  (func (export "h11_pay_twice")
    (drop (call $take))
    (i32.store (i32.const 8192)
      (call $transfer (i32.const 0) (i32.const 4160) (i64.load (i32.const 33))))
    (i32.store (i32.const 8196)
      (call $transfer (i32.const 0) (i32.const 4160) (i64.load (i32.const 33))))
    (call $give (i32.const 8192) (i32.const 8)))

  ;; ---- What a call gives back ----

  ;; H13: talks to the operator without end. Input: lines. The operator keeps the first few; the
  ;; guest never learns, and pays for all.
  (func (export "h13_log") (local $left i32)
    (drop (call $take))
    (local.set $left (call $number (i32.const 0)))
    (loop $again
      (call $debug_log (i32.const 4232) (i32.const 5))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))

  ;; H14: emits events without end. Input: how many. Returns the last status and how many were
  ;; taken: the transaction's limit, and then EventLimit for each one more.
  (func (export "h14_emit") (local $left i32) (local $taken i32) (local $status i32)
    (drop (call $take))
    (local.set $left (call $number (i32.const 0)))
    (loop $again
      (local.set $status
        (call $emit (i32.const 0) (i32.const 0) (i32.const 4232) (i32.const 5)))
      (local.set $taken (i32.add (local.get $taken) (i32.eqz (local.get $status))))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (i32.const 8192) (local.get $status))
    (i32.store (i32.const 8196) (local.get $taken))
    (call $give (i32.const 8192) (i32.const 8)))

  ;; H15: returns "first", then "last", then more than fits: what is too long leaves the last that
  ;; was not. Aborts with 1 if the host says anything but TooLong.
  (func (export "h15_return_thrice")
    (call $give (i32.const 4232) (i32.const 5))
    (call $give (i32.const 4240) (i32.const 4))
    (if (i32.ne (call $set_return (i32.const 0) (i32.const 4097)) (i32.const -5))
      (then (call $fail (i32.const 1)))))

  ;; H15: returns "first" and fails. A revert keeps what was returned, a halt keeps nothing.
  (func (export "h15_return_and_abort")
    (call $give (i32.const 4232) (i32.const 5))
    (call $fail (i32.const 9)))
  (func (export "h15_return_and_trap")
    (call $give (i32.const 4232) (i32.const 5))
    (unreachable))

  ;; ---- Other contracts ----

  ;; H16: passes a call on along a list of contracts. Input: addresses (33 bytes each). Calls the
  ;; first with the others as its input and returns the status, then what the callee returned: the
  ;; last status says why the chain ended where it did.
  (func (export "h16_relay") (local $len i32)
    (local.set $len (call $take))
    (if (i32.eqz (local.get $len)) (then (return)))
    (i32.store (i32.const 8192)
      (call $call
        (i32.const 0) (i32.const 4248) (i32.const 9)
        (i32.const 33) (i32.sub (local.get $len) (i32.const 33))
        (i64.const -1) (i32.const 0) (i32.const 0)))
    (call $give (i32.const 8192)
      (i32.add (i32.const 4) (call $return_data (i32.const 8196) (i32.const 1024)))))

  ;; H17: returns the gas it has left (u64).
  (func (export "h17_gas")
    (i64.store (i32.const 8192) (call $gas_left))
    (call $give (i32.const 8192) (i32.const 8)))

  ;; H17: gives another contract gas. Input: its address (33 bytes), how much (u64). Returns the
  ;; gas it had left right before (u64) and right after (u64), the status (u32), and what
  ;; the callee had left itself (u64): whatever the caller asks for, it keeps one part in 64.
  (func (export "h17_give")
    (drop (call $take))
    (i64.store (i32.const 8192) (call $gas_left))
    (i32.store (i32.const 8208)
      (call $call
        (i32.const 0) (i32.const 4264) (i32.const 7) (i32.const 0) (i32.const 0)
        (i64.load (i32.const 33)) (i32.const 0) (i32.const 0)))
    (i64.store (i32.const 8200) (call $gas_left))
    (call $give (i32.const 8192)
      (i32.add (i32.const 20) (call $return_data (i32.const 8212) (i32.const 8)))))

  ;; H18, H19: writes, calls another contract, and goes on whatever came of it. Input: its address
  ;; (33 bytes), gas (u64), the length of an entry's name (u8), the name, the callee's input.
  ;; Leaves the slot "slot" = "first" and the event "last"; returns the status (u32), the code the
  ;; callee aborted with (u32), and what it returned.
  (func (export "h18_survive") (local $len i32) (local $callee_input i32)
    (local.set $len (call $take))
    (local.set $callee_input (i32.add (i32.const 42) (i32.load8_u (i32.const 41))))
    (call $write (i32.const 4232) (i32.const 5))
    (i32.store (i32.const 8192)
      (call $call
        (i32.const 0) (i32.const 42) (i32.load8_u (i32.const 41))
        (local.get $callee_input) (i32.sub (local.get $len) (local.get $callee_input))
        (i64.load (i32.const 33)) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 8196) (call $revert_code))
    (drop (call $emit (i32.const 0) (i32.const 0) (i32.const 4240) (i32.const 4)))
    (call $give (i32.const 8192)
      (i32.add (i32.const 8) (call $return_data (i32.const 8200) (i32.const 1024)))))

  ;; H18: calls another contract, which returns "first" and aborts with 9, then an entry that it
  ;; does not have. Input: its address (33 bytes). Returns after each call its status, the revert
  ;; code and the length of the return data (u32 each): a call that is refused forgets the one
  ;; before it.
  (func $report (param $at i32) (param $status i32)
    (i32.store (local.get $at) (local.get $status))
    (i32.store offset=4 (local.get $at) (call $revert_code))
    (i32.store offset=8 (local.get $at) (call $return_data (i32.const 0) (i32.const 0))))
  (func (export "h18_stale")
    (drop (call $take))
    (call $report (i32.const 8192)
      (call $call
        (i32.const 0) (i32.const 4288) (i32.const 20) (i32.const 0) (i32.const 0)
        (i64.const -1) (i32.const 0) (i32.const 0)))
    (call $report (i32.const 8204)
      (call $call
        (i32.const 0) (i32.const 4288) (i32.const 3) (i32.const 0) (i32.const 0)
        (i64.const -1) (i32.const 0) (i32.const 0)))
    (call $give (i32.const 8192) (i32.const 24)))

  ;; H18, H19: what a callee does before it fails: one of everything, undone by either end.
  (func (export "h18_everything_then_trap")
    (call $everything)
    (unreachable))
  (func (export "h19_everything_then_abort")
    (call $everything)
    (call $fail (i32.const 9)))

  ;; H23: one of everything that leaves a trace. With less gas than it takes none of it remains,
  ;; wherever the gas ran out.
  (func $everything (export "h23_everything")
    (drop (call $take))
    (call $write (i32.const 4232) (i32.const 5))
    (drop (call $counter_add (i32.const 4096) (i32.const 4224) (i32.const 4) (i64.const 7)))
    (drop (call $transfer (i32.const 4096) (i32.const 4160) (i64.const 1)))
    (drop (call $emit (i32.const 0) (i32.const 0) (i32.const 4232) (i32.const 5)))
    (call $give (i32.const 4240) (i32.const 4))
    (call $debug_log (i32.const 4232) (i32.const 5))))
