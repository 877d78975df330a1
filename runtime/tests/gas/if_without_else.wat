;; A hundred decisions; the arm that is not there costs nothing.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (if (i32.and (local.get $left) (i32.const 1)) (then nop nop nop nop nop nop nop nop))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
