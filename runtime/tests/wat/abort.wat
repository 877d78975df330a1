;; Proves: `abort` reverts with the guest's own code, drops the slot and the event that came before
;; it, and keeps the return data. `abort` does not come back: the trap behind it is never reached.
;;
;;   abort   input: code (u32). Writes the slot "mark" in the caller's partition, emits an event,
;;           returns "kept", then aborts.
(module
  (import "tos_v1" "caller" (func $caller (param i32)))
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "emit" (func $emit (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "mark")
  (data (i32.const 72) "kept")
  (data (i32.const 80) "asked to")
  (data (i32.const 96) "abort.wat")

  (func (export "abort")
    (drop (call $input (i32.const 128) (i32.const 4)))
    (call $caller (i32.const 0))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4)))
    (drop (call $emit (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 4)))
    (drop (call $set_return (i32.const 72) (i32.const 4)))
    (call $abort
      (i32.load (i32.const 128))
      (i32.const 80) (i32.const 8) (i32.const 96) (i32.const 9) (i32.const 31))
    (unreachable)))
