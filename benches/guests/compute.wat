;; A loop that only computes: the steps of Collatz sequences, with a branch that is hard to predict.
;;
;;   run   adds up the steps from every start below the word at 0, and leaves the sum at 64.
(module
  (memory (export "memory") 1)
  (func (export "run") (local $start i32) (local $n i64) (local $steps i32)
    (local.set $start (i32.load (i32.const 0)))
    (loop $starts
      (local.set $n (i64.extend_i32_u (local.get $start)))
      (block $one
        (loop $step
          (br_if $one (i64.le_u (local.get $n) (i64.const 1)))
          (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
          (if (i64.eqz (i64.and (local.get $n) (i64.const 1)))
            (then (local.set $n (i64.shr_u (local.get $n) (i64.const 1))))
            (else (local.set $n
              (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1)))))
          (br $step)))
      (br_if $starts (local.tee $start (i32.sub (local.get $start) (i32.const 1)))))
    (i32.store (i32.const 64) (local.get $steps))))
