;; The greatest common divisor of two neighbours in the row of Fibonacci: it takes longest for them.
(module
  (memory (export "memory") 1)
  (func $gcd (param $a i64) (param $b i64) (result i64) (local $rest i64)
    (loop $again
      (local.set $rest (i64.rem_u (local.get $a) (local.get $b)))
      (local.set $a (local.get $b))
      (local.set $b (local.get $rest))
      (br_if $again (i64.ne (local.get $b) (i64.const 0))))
    (local.get $a))
  (func (export "run")
    (i64.store (i32.const 0)
      (call $gcd (i64.const 7540113804746346429) (i64.const 4660046610375530309)))))
