;; Proves: bytes of a guest reach the operator escaped, and no receipt.
;;
;;   say   logs its input.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "debug_log" (func $debug_log (param i32 i32)))
  (memory (export "memory") 1)

  (func (export "say")
    (call $debug_log (i32.const 0) (call $input (i32.const 0) (i32.const 65536)))))
