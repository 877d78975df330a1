;; The primes below 1,000 by the sieve of Eratosthenes.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $prime i32) (local $multiple i32)
    (local.set $prime (i32.const 2))
    (loop $primes
      (if (i32.eqz (i32.load8_u (local.get $prime)))
        (then
          (local.set $multiple (i32.mul (local.get $prime) (local.get $prime)))
          (block $done (loop $multiples
            (br_if $done (i32.ge_u (local.get $multiple) (i32.const 1000)))
            (i32.store8 (local.get $multiple) (i32.const 1))
            (local.set $multiple (i32.add (local.get $multiple) (local.get $prime)))
            (br $multiples)))))
      (br_if $primes
        (i32.lt_u
          (local.tee $prime (i32.add (local.get $prime) (i32.const 1)))
          (i32.const 1000))))))
