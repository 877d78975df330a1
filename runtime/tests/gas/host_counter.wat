;; A counter: added to, read, subtracted from.
(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "counter_add" (func $counter_add (param i32 i32 i32 i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "counter_sub" (func $counter_sub (param i32 i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "slot")
  (func (export "run")
    (call $contract (i32.const 0))
    (drop (call $counter_add (i32.const 0) (i32.const 64) (i32.const 4) (i64.const 9)))
    (drop (call $counter_read (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128)))
    (drop (call $counter_sub (i32.const 0) (i32.const 64) (i32.const 4) (i64.const 4)))))
