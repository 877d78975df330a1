;; A hundred additions to a global.
(module
  (memory (export "memory") 1)
  (global $sum (mut i64) (i64.const 0))
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (global.set $sum (i64.add (global.get $sum) (i64.const 3)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
