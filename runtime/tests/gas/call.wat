;; A hundred calls of a function that does nothing.
(module
  (memory (export "memory") 1)
  (func $f)
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (call $f)
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
