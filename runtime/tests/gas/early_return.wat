;; A function that returns in its middle: what follows is not paid for.
(module
  (memory (export "memory") 1)
  (func $f (param $leave i32)
    (if (local.get $leave) (then return))
    nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop)
  (func (export "run")
    (call $f (i32.const 1))
    (call $f (i32.const 0))))
