;; A loop that mostly writes memory: the sieve of Eratosthenes below 60,000.
;;
;;   run   sieves as often as the word at 0 says, and leaves the number of primes at 64.
(module
  (memory (export "memory") 1)
  (func $sieve (result i32) (local $p i32) (local $m i32) (local $found i32)
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 60000))
    (local.set $p (i32.const 2))
    (loop $next
      (if (i32.eqz (i32.load8_u offset=1024 (local.get $p)))
        (then
          (local.set $found (i32.add (local.get $found) (i32.const 1)))
          (local.set $m (i32.mul (local.get $p) (local.get $p)))
          (if (i32.and (i32.lt_u (local.get $p) (i32.const 245))
                       (i32.lt_u (local.get $m) (i32.const 60000)))
            (then
              (loop $multiples
                (i32.store8 offset=1024 (local.get $m) (i32.const 1))
                (br_if $multiples (i32.lt_u
                  (local.tee $m (i32.add (local.get $m) (local.get $p)))
                  (i32.const 60000))))))))
      (br_if $next (i32.lt_u
        (local.tee $p (i32.add (local.get $p) (i32.const 1))) (i32.const 60000))))
    (local.get $found))
  (func (export "run") (local $passes i32) (local $found i32)
    (local.set $passes (i32.load (i32.const 0)))
    (loop $again
      (local.set $found (call $sieve))
      (br_if $again (local.tee $passes (i32.sub (local.get $passes) (i32.const 1)))))
    (i32.store (i32.const 64) (local.get $found))))
