;; Proves: deposits of a call move together or not at all.
;;
;;   give   input: callee (33-byte address), a deposit (asset id, amount), another one. Calls the
;;          callee's `take` with both; returns the status (i32).
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "call"
    (func $call (param i32 i32 i32 i32 i32 i64 i32 i32) (result i32)))
  ;; Memory: 0..113 the input, 128 the entry's name, 256 the status.
  (memory (export "memory") 1)
  (data (i32.const 128) "take")

  (func (export "give")
    (drop (call $input (i32.const 0) (i32.const 128)))
    (i32.store (i32.const 256) (call $call
      (i32.const 0) (i32.const 128) (i32.const 4) (i32.const 0) (i32.const 0)
      (i64.const 1000000) (i32.const 33) (i32.const 2)))
    (drop (call $set_return (i32.const 256) (i32.const 4)))))
