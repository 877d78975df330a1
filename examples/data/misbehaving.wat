;; A contract for `failures.json`: each entry misbehaves in one way.
;;
;;   trap        executes an instruction that traps
;;   spin        never ends
;;   recurse     calls itself for ever
;;   touch       input: account (33-byte address). Writes a slot in that account's partition, which
;;               is fine only if the transaction has declared to write it
;;   overreach   hands the host a pointer outside of the memory
(module
  (import "tos_v1" "input" (func $input (param $out i32) (param $cap i32) (result i32)))
  (import "tos_v1" "caller" (func $caller (param $out i32)))
  (import "tos_v1" "storage_write" (func $storage_write
    (param $partition i32) (param $key i32) (param $key_len i32)
    (param $value i32) (param $value_len i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "mark")

  (func (export "trap") (unreachable))

  (func (export "spin") (loop $again (br $again)))

  (func $recurse (export "recurse") (call $recurse))

  (func (export "touch")
    (drop (call $input (i32.const 0) (i32.const 33)))
    (drop (call $storage_write
      (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 64) (i32.const 4))))

  (func (export "overreach") (call $caller (i32.const 0x7fffffff))))
