;; Proves: each request continues the transaction's random stream where the last one ended.
;;
;;   draw   asks for 32 bytes twice and returns both.
(module
  (import "tos_v1" "random" (func $random (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "draw")
    (drop (call $random (i32.const 0) (i32.const 32)))
    (drop (call $random (i32.const 32) (i32.const 32)))
    (drop (call $set_return (i32.const 0) (i32.const 64)))))
