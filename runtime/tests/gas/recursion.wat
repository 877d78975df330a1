;; The 12th Fibonacci number the slow way: 465 calls, at most 12 deep.
(module
  (memory (export "memory") 1)
  (func $fibonacci (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add
        (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
        (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))))
  (func (export "run")
    (drop (call $fibonacci (i32.const 12)))))
