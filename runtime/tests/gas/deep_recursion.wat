;; Two functions that call each other, a thousand calls deep.
(module
  (memory (export "memory") 1)
  (func $ping (param $left i32)
    (call $pong (local.get $left)))
  (func $pong (param $left i32)
    (if (i32.sub (local.get $left) (i32.const 1))
      (then (call $ping (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "run")
    (call $ping (i32.const 500))))
