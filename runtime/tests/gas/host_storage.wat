;; A slot of 32 bytes under a key of 4: written, measured, read, removed.
(module
  (import "tos_v1" "contract" (func $contract (param i32)))
  (import "tos_v1" "storage_write" (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_len" (func $storage_len (param i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_read" (func $storage_read (param i32 i32 i32 i32 i32) (result i32)))
  (import "tos_v1" "storage_remove" (func $storage_remove (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "slot")
  (func (export "run")
    (call $contract (i32.const 0))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128) (i32.const 32)))
    (drop (call $storage_len (i32.const 0) (i32.const 64) (i32.const 4)))
    (drop (call $storage_read
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 128) (i32.const 32)))
    (drop (call $storage_remove (i32.const 0) (i32.const 64) (i32.const 4)))))
