;; Proves: what a simulation found is right for the state it saw, and no more. Whom this contract pays
;; a point depends on what it remembers.
;;
;;   point   remembers the address that is its input (33 bytes)
;;   pay     adds 1 to the counter "p" of the remembered address
(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "counter_add" (func $counter_add (param i32 i32 i32 i64) (result i32)))
  ;; Memory: 0 the contract's address, 64 the key, 96 the remembered address.
  (memory (export "memory") 1)
  (data (i32.const 64) "p")

  (func (export "point")
    (call $contract (i32.const 0))
    (drop (call $input (i32.const 96) (i32.const 33)))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96) (i32.const 33))))

  (func (export "pay")
    (call $contract (i32.const 0))
    (drop (call $storage_read
      (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96) (i32.const 33)))
    (drop (call $counter_add (i32.const 96) (i32.const 64) (i32.const 1) (i64.const 1)))))
