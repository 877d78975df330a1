;; Reading an input of 33 bytes, and returning it.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "run")
    (drop (call $set_return (i32.const 0) (call $input (i32.const 0) (i32.const 64))))))
