;; Proves: input reaches the guest and return data the receipt, byte for byte, up to their limits.
;;
;;   echo      returns the input. Longer than return data may be, it returns the host's status
;;             (i32) instead.
;;   last      returns "first", then "last": the last call wins.
(module
  (import "tos_v1" "input" (func $input (param i32 i32) (result i32)))
  (import "tos_v1" "set_return" (func $set_return (param i32 i32) (result i32)))
  ;; Memory: 0..65536 the input, 65536.. status and texts.
  (memory (export "memory") 2)
  (data (i32.const 65544) "first")
  (data (i32.const 65552) "last")

  (func (export "echo") (local $status i32)
    (local.set $status
      (call $set_return (i32.const 0) (call $input (i32.const 0) (i32.const 65536))))
    (if (local.get $status)
      (then
        (i32.store (i32.const 65536) (local.get $status))
        (drop (call $set_return (i32.const 65536) (i32.const 4))))))

  (func (export "last")
    (drop (call $set_return (i32.const 65544) (i32.const 5)))
    (drop (call $set_return (i32.const 65552) (i32.const 4)))))
