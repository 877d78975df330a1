;; Choosing between two values without a branch.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (drop (select (i32.const 1) (i32.const 2) (i32.const 0)))
    (drop (select (i64.const 1) (i64.const 2) (i32.const 1)))))
