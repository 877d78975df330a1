;; Proves: a contract can move and burn what its own account holds and nothing else, several times
;; within one call, each time against what is left.
;;
;;   pay        input: receiver (33-byte address), asset (32 bytes), amount (u64). Returns the
;;              host's status (i32).
;;   pay_twice  the same payment twice; returns the second status.
;;   burn       input as for `pay`, the receiver is ignored. Returns the host's status (i32).
;;   balance    input as for `pay`, the receiver is whose balance; returns it (u64).
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "transfer" (func $transfer (param i32 i32 i64) (result i32)))
  (import "tos_v1" "burn" (func $burn (param i32 i64) (result i32)))
  (import "tos_v1" "balance" (func $balance (param i32 i32) (result i64)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..33 the address, 33..65 the asset, 65..73 the amount, 128.. the result.
  (memory (export "memory") 1)

  (func $pay (result i32)
    (call $transfer (i32.const 0) (i32.const 33) (i64.load (i32.const 65))))

  (func $take_input (drop (call $input (i32.const 0) (i32.const 73))))

  (func $return_status (param $status i32)
    (i32.store (i32.const 128) (local.get $status))
    (drop (call $set_return (i32.const 128) (i32.const 4))))

  (func (export "pay")
    (call $take_input)
    (call $return_status (call $pay)))

  (func (export "pay_twice")
    (call $take_input)
    (drop (call $pay))
    (call $return_status (call $pay)))

  (func (export "burn")
    (call $take_input)
    (call $return_status (call $burn (i32.const 33) (i64.load (i32.const 65)))))

  (func (export "balance")
    (call $take_input)
    (i64.store (i32.const 128) (call $balance (i32.const 0) (i32.const 33)))
    (drop (call $set_return (i32.const 128) (i32.const 8)))))
