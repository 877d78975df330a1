;; A loop of 30 passes in a loop of 30 passes.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $outer i32) (local $inner i32)
    (local.set $outer (i32.const 30))
    (loop $rows
      (local.set $inner (i32.const 30))
      (loop $columns
        (br_if $columns (local.tee $inner (i32.sub (local.get $inner) (i32.const 1)))))
      (br_if $rows (local.tee $outer (i32.sub (local.get $outer) (i32.const 1)))))))
