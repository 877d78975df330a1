;; A hundred decisions: the short arm is taken 75 times, the long one 25 times.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (if (i32.and (local.get $left) (i32.const 3))
        (then nop)
        (else nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
