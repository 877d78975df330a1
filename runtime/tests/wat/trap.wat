;; Proves: an instruction that traps halts the transaction, charges its whole gas limit and drops
;; what it wrote before. Each entry writes the slot "mark" in the caller's partition, then traps.
(module
  (import "tos_v1" "caller" (func $caller (param i32)))
  (import "tos_v1" "storage_write"
    (func $storage_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "mark")

  (func $write_mark
    (call $caller (i32.const 0))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4))))

  (func (export "unreachable") (call $write_mark) (unreachable))

  (func (export "divide_by_zero")
    (call $write_mark)
    (drop (i32.div_s (i32.const 1) (i32.load (i32.const 128)))))

  (func (export "out_of_bounds")
    (call $write_mark)
    (drop (i32.load (i32.const 0x7fffffff))))

  ;; Recurses for ever: gas or the stack limit ends it, never the host's stack.
  (func $recurse (export "recurse") (call $recurse)))
