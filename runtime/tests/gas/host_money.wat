;; Own native units: looked up, paid to oneself, burned.
(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "balance" (func $balance (param i32 i32) (result i64)))
  (import "tos_v1" "transfer" (func $transfer (param i32 i32 i64) (result i32)))
  (import "tos_v1" "burn" (func $burn (param i32 i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "run")
    (call $contract (i32.const 0))
    (drop (call $balance (i32.const 0) (i32.const 64)))
    (drop (call $transfer (i32.const 0) (i32.const 64) (i64.const 5)))
    (drop (call $burn (i32.const 64) (i64.const 5)))))
