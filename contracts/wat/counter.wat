;; A shared counter, in its smallest reading. It exists twice, to show what an access mode costs:
;;
;;   add    adds the amount in the input without reading. The caller declares `Credit` on this
;;          contract, additions commute, and any number of callers run side by side.
;;   bump   reads a slot, adds one, writes it back and returns the new value. The caller declares
;;          `Write`, so callers run one after the other.
;;   get    returns the counter that `add` feeds, as 16 little-endian bytes. Made for views.
;;
;; The counter and the slot are two different things: a counter slot can only be added to,
;; subtracted from and read, which is what makes additions commute.
;;
;; Abort codes: 1 = the input is not 8 bytes long.
(module
  (import "tos_v1" "contract" (func $contract (param $out i32)))
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add
    (param $partition i32) (param $key i32) (param $key_len i32) (param $amount i64) (result i32)))
  (import "tos_v1" "counter_read" (func $counter_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read
    (param $partition i32) (param $key i32) (param $key_len i32) (param $out i32) (param $cap i32)
    (result i32)))
  (import "tos_v1" "storage_write" (func $storage_write
    (param $partition i32) (param $key i32) (param $key_len i32)
    (param $value i32) (param $value_len i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param $data i32) (param $len i32) (result i32)))
  (import "tos_v1" "abort" (func $abort
    (param $code i32) (param $message i32) (param $message_len i32)
    (param $file i32) (param $file_len i32) (param $line i32)))

  ;; Memory: 0..33 this contract's address, 64..72 an amount, 80..96 a counter, 128.. constants.
  (memory (export "memory") 1)
  (data (i32.const 128) "total")
  (data (i32.const 136) "bumps")
  (data (i32.const 144) "input must be 8 bytes")

  (func (export "add")
    (if (i32.ne (call $input (i32.const 64) (i32.const 8)) (i32.const 8))
      (then
        (call $abort (i32.const 1) (i32.const 144) (i32.const 21)
          (i32.const 0) (i32.const 0) (i32.const 0))))
    (call $contract (i32.const 0))
    (drop (call $counter_add
      (i32.const 0) (i32.const 128) (i32.const 5) (i64.load (i32.const 64)))))

  (func (export "bump")
    (call $contract (i32.const 0))
    ;; An absent slot leaves the zero that memory starts with.
    (drop (call $storage_read
      (i32.const 0) (i32.const 136) (i32.const 5) (i32.const 64) (i32.const 8)))
    (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
    (drop (call $storage_write
      (i32.const 0) (i32.const 136) (i32.const 5) (i32.const 64) (i32.const 8)))
    (drop (call $set_return (i32.const 64) (i32.const 8))))

  (func (export "get")
    (call $contract (i32.const 0))
    (drop (call $counter_read (i32.const 0) (i32.const 128) (i32.const 5) (i32.const 80)))
    (drop (call $set_return (i32.const 80) (i32.const 16)))))
