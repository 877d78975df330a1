;; A call with eight parameters and a result.
(module
  (memory (export "memory") 1)
  (func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 7)))
  (func (export "run")
    (drop (call $f
      (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8)))))
