;; Proves: the storage functions on any partition, key and value, limits included. A test chooses
;; everything, so the guest decides nothing.
;;
;; Input of every entry: partition (33-byte address), key length (u32), key, and for `write` the
;; value, which is the rest of the input.
;;
;;   write, remove, len   return the host's result (i32)
;;   read                 returns the host's result (i32) and the value, if both fit return data
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_remove" (func $storage_remove (param i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_len" (func $storage_len (param i32 i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0.. input (up to 64 KiB), 131072 the result, 131076.. a value read.
  (memory (export "memory") 4)

  (func $key (result i32) (i32.const 37))
  (func $key_len (result i32) (i32.load (i32.const 33)))
  (func $value (result i32) (i32.add (call $key) (call $key_len)))

  (func $take_input (result i32) (call $input (i32.const 0) (i32.const 65536)))

  (func $return_result (param $result i32)
    (i32.store (i32.const 131072) (local.get $result))
    (drop (call $set_return (i32.const 131072) (i32.const 4))))

  (func (export "write") (local $input_len i32)
    (local.set $input_len (call $take_input))
    (call $return_result (call $storage_write
      (i32.const 0) (call $key) (call $key_len)
      (call $value) (i32.sub (local.get $input_len) (call $value)))))

  (func (export "remove")
    (drop (call $take_input))
    (call $return_result (call $storage_remove (i32.const 0) (call $key) (call $key_len))))

  (func (export "len")
    (drop (call $take_input))
    (call $return_result (call $storage_len (i32.const 0) (call $key) (call $key_len))))

  (func (export "read") (local $result i32)
    (drop (call $take_input))
    (local.set $result (call $storage_read
      (i32.const 0) (call $key) (call $key_len) (i32.const 131076) (i32.const 65536)))
    (call $return_result (local.get $result))
    (if (i32.and
          (i32.gt_s (local.get $result) (i32.const 0))
          (i32.le_s (local.get $result) (i32.const 4092)))
      (then
        (drop (call $set_return
          (i32.const 131072) (i32.add (local.get $result) (i32.const 4))))))))
