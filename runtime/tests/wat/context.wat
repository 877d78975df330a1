;; Proves: what the guest is told about its surroundings is what the block and the transaction say.
;;
;;   context   returns, without gaps: source (33), caller (33), contract (33), transaction id (32),
;;             topoheight (u64), timestamp (u64), block version (u32), native deposit (u64).
;;   gas_left  returns the gas left (u64), asked twice, so that a test can see it fall.
(module
  (import "tos_v1" "source" (func $source (param i32)))
  (import "tos_v1" "caller" (func $caller (param i32)))
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "transaction_id" (func $transaction_id (param i32)))
  (import "tos_v1" "topoheight" (func $topoheight (result i64)))
  (import "tos_v1" "timestamp" (func $timestamp (result i64)))
  (import "tos_v1" "block_version" (func $block_version (result i32)))
  (import "tos_v1" "deposit" (func $deposit (param i32) (result i64)))
  (import "tos_v1" "gas_left" (func $gas_left (result i64)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..159 the result, 256..288 the native asset (zeroes).
  (memory (export "memory") 1)

  (func (export "context")
    (call $source (i32.const 0))
    (call $caller (i32.const 33))
    (call $contract (i32.const 66))
    (call $transaction_id (i32.const 99))
    (i64.store (i32.const 131) (call $topoheight))
    (i64.store (i32.const 139) (call $timestamp))
    (i32.store (i32.const 147) (call $block_version))
    (i64.store (i32.const 151) (call $deposit (i32.const 256)))
    (drop (call $set_return (i32.const 0) (i32.const 159))))

  (func (export "gas_left")
    (i64.store (i32.const 0) (call $gas_left))
    (i64.store (i32.const 8) (call $gas_left))
    (drop (call $set_return (i32.const 0) (i32.const 16)))))
