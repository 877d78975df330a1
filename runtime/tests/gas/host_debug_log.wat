;; A line of 40 bytes for the operator, and one that is cut.
(module
  (import "tos_v1" "debug_log" (func $debug_log (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "run")
    (call $debug_log (i32.const 0) (i32.const 40))
    (call $debug_log (i32.const 0) (i32.const 60000))))
