;; Proves: a call that has run out of gas has run out of gas, whatever it does next. Each entry adds
;; to a counter of the contract itself, for which the host charges most of what the call takes, and
;; then ends in its own way. Needs `Credit` on the contract.
;;
;;   returns      returns
;;   aborts       aborts with code 5
;;   traps        traps
;;   undeclared   reads a counter of the zero key, which nobody declares
(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "counter_add" (func $counter_add (param i32 i32 i32 i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
  ;; Memory: 0..33 the contract, 64 the key, 128..161 the zero key, 192..208 what is read.
  (memory (export "memory") 1)
  (data (i32.const 64) "sum")

  (func $add
    (call $contract (i32.const 0))
    (drop (call $counter_add (i32.const 0) (i32.const 64) (i32.const 3) (i64.const 1))))

  (func (export "returns")
    (call $add))
  (func (export "aborts")
    (call $add)
    (call $abort
      (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "traps")
    (call $add)
    (unreachable))
  (func (export "undeclared")
    (call $add)
    (drop (call $counter_read (i32.const 128) (i32.const 64) (i32.const 3) (i32.const 192)))))
