;; Proves: a deposit belongs to the contract while the call runs, stays on success and goes back when
;; the call fails.
;;
;;   keep     input: asset (32 bytes). Returns how much of it the call brought along (u64).
;;   refuse   aborts with code 1, whatever came along.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "deposit" (func $deposit (param i32) (result i64)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)

  (func (export "keep")
    (drop (call $input (i32.const 0) (i32.const 32)))
    (i64.store (i32.const 64) (call $deposit (i32.const 0)))
    (drop (call $set_return (i32.const 64) (i32.const 8))))

  (func (export "refuse")
    (call $abort
      (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
