;; An event with two topics and 100 bytes.
(module
  (import "tos_v1" "emit" (func $emit (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run")
    (drop (call $emit (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 100)))))
