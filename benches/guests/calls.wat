;; Calls that do one thing each, for measuring what a call costs.
;;
;;   nothing  returns at once.
;;   store    reads a slot of 32 bytes in the caller's own partition, adds one, writes it back.
;;   nested   calls `nothing` of the contract whose address is the input; traps if that fails.
(module
  (import "tos_v1" "caller" (func $caller (param $out i32)))
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (param $cap i32)
    (result i32)))
  (import "tos_v1" "storage_write" (func $storage_write
    (param $partition i32) (param $key i32) (param $key_len i32)
    (param $value i32) (param $value_len i32) (result i32)))
  (import "tos_v1" "call" (func $call
    (param $contract i32) (param $entry i32) (param $entry_len i32)
    (param $input i32) (param $input_len i32) (param $gas i64)
    (param $deposits i32) (param $deposit_count i32) (result i32)))

  ;; Memory: 0..33 an address, 64.. constants, 128..160 the slot's value.
  (memory (export "memory") 1)
  (data (i32.const 64) "slot")
  (data (i32.const 72) "nothing")

  (func (export "nothing"))

  (func (export "store")
    (call $caller (i32.const 0))
    (drop (call $storage_read
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128) (i32.const 32)))
    (i64.store (i32.const 128) (i64.add (i64.load (i32.const 128)) (i64.const 1)))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128) (i32.const 32))))

  (func (export "nested")
    (drop (call $input (i32.const 0) (i32.const 33)))
    (if (call $call
        (i32.const 0) (i32.const 72) (i32.const 7)
        (i32.const 128) (i32.const 0) (i64.const -1) (i32.const 0) (i32.const 0))
      (then (unreachable)))))
