;; Proves: memory grows to the protocol's limit and not beyond, whatever the host has left, and a
;; fresh call starts with the initial size again.
;;
;;   grow   input: pages (u32). Returns the result of `memory.grow` (i32) and the size after it
;;          (i32), both in pages.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (memory (export "memory") 1)

  (func (export "grow")
    (drop (call $input (i32.const 0) (i32.const 4)))
    (i32.store (i32.const 8) (memory.grow (i32.load (i32.const 0))))
    (i32.store (i32.const 12) (memory.size))
    (drop (call $set_return (i32.const 8) (i32.const 8)))))
