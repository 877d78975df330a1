;; A hundred calls through a table, to two functions in turn.
(module
  (memory (export "memory") 1)
  (type $plain (func))
  (table 2 funcref)
  (elem (i32.const 0) $even $odd)
  (func $even)
  (func $odd)
  (func (export "run") (local $left i32)
    (local.set $left (i32.const 100))
    (loop $again
      (call_indirect (type $plain) (i32.and (local.get $left) (i32.const 1)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))))
