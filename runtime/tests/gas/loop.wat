;; A loop of a thousand passes that counts down.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 1000))
    (loop $again
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
