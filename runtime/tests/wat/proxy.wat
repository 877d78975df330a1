;; Proves: what a contract can do to another by calling it. Does what its input says and reports
;; what came of it.
;;
;;   forward   input:
;;               0..33    whom to call
;;               33       what else to do, a sum of
;;                          1   abort with code 100 if the call fails
;;                          2   bring the deposit
;;                          4   before the call, write the slot "seen" in the own partition
;;                          8   abort with code 7 after the call
;;                          16  before the call, emit an event with the data "before"
;;                          32  after the call, ask for an entry without a name, which is refused
;;               34..42   gas to give
;;               42..82   a deposit: asset id, amount
;;               82       length of the entry's name
;;               83..     the entry's name, then the callee's input
;;             returns: status (4 bytes), revert code (4 bytes), the callee's return data
;;   take      accepts deposits, does nothing
;;   again     like forward, to be called by a proxy
;;   seen      returns what the slot "seen" holds. Made for views.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_read"
    (func $storage_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "emit" (func $emit (param i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (import "tos_v1" "call"
    (func $call (param i32 i32 i32 i32 i32 i64 i32 i32) (result i32)))
  (import "tos_v1" "return_data" (func $return_data (param i32 i32) (result i32)))
  (import "tos_v1" "revert_code" (func $revert_code (result i32)))
  ;; Memory: 0..4096 the input, 8192.. what is returned, 16384.. constants and the own address.
  (memory (export "memory") 1)
  (data (i32.const 16384) "seen")
  (data (i32.const 16400) "before")

  (func $has (param $flag i32) (result i32)
    (i32.and (i32.load8_u (i32.const 33)) (local.get $flag)))

  (func $forward (export "forward")
    (local $len i32) (local $status i32) (local $callee_input i32)
    (local.set $len (call $input (i32.const 0) (i32.const 4096)))
    (local.set $callee_input (i32.add (i32.const 83) (i32.load8_u (i32.const 82))))
    (if (call $has (i32.const 4)) (then
      (call $contract (i32.const 16416))
      (drop (call $storage_write
        (i32.const 16416) (i32.const 16384) (i32.const 4) (i32.const 16384) (i32.const 4)))))
    (if (call $has (i32.const 16)) (then
      (drop (call $emit (i32.const 0) (i32.const 0) (i32.const 16400) (i32.const 6)))))
    (local.set $status (call $call
      (i32.const 0)
      (i32.const 83) (i32.load8_u (i32.const 82))
      (local.get $callee_input) (i32.sub (local.get $len) (local.get $callee_input))
      (i64.load (i32.const 34))
      (i32.const 42) (i32.shr_u (call $has (i32.const 2)) (i32.const 1))))
    (if (call $has (i32.const 32)) (then
      (drop (call $call
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i64.const 0) (i32.const 0) (i32.const 0)))))
    (i32.store (i32.const 8192) (local.get $status))
    (i32.store (i32.const 8196) (call $revert_code))
    (drop (call $set_return
      (i32.const 8192)
      (i32.add (i32.const 8) (call $return_data (i32.const 8200) (i32.const 4088)))))
    (if (i32.and (i32.ne (local.get $status) (i32.const 0)) (call $has (i32.const 1))) (then
      (call $abort (i32.const 100) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0))))
    (if (call $has (i32.const 8)) (then
      (call $abort (i32.const 7) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0)))))

  (export "again" (func $forward))
  (func (export "take"))

  (func (export "seen")
    (local $len i32)
    (call $contract (i32.const 16416))
    (local.set $len (call $storage_read
      (i32.const 16416) (i32.const 16384) (i32.const 4) (i32.const 8192) (i32.const 64)))
    (if (i32.gt_s (local.get $len) (i32.const 0)) (then
      (drop (call $set_return (i32.const 8192) (local.get $len)))))))
