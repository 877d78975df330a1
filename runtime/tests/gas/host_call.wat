;; A call of `nothing.wat` with 32 bytes of input and all the gas, and what it returned: nothing.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "call" (func $call (param i32 i32 i32 i32 i32 i64 i32 i32) (result i32)))
  (import "tos_v1" "return_data" (func $return_data (param i32 i32) (result i32)))
  (import "tos_v1" "revert_code" (func $revert_code (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "run")
  (func (export "run")
    (drop (call $input (i32.const 0) (i32.const 33)))
    (if (call $call
          (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 128) (i32.const 32)
          (i64.const -1) (i32.const 0) (i32.const 0))
      (then (unreachable)))
    (drop (call $return_data (i32.const 128) (i32.const 32)))
    (drop (call $revert_code))))
