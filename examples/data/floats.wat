;; A module for `failures.json` that may not be deployed: floating point results could differ from
;; one machine to the next, so the gate refuses every instruction that deals in them.
(module
  (memory (export "memory") 1)
  (func (export "half") (drop (f64.mul (f64.const 0.5) (f64.const 3)))))
