;; Proves: a loop without end is ended by gas, also when its body does nothing.
(module
  (memory (export "memory") 1)
  (func (export "spin") (loop $again (br $again)))

  ;; Spins inside one bulk instruction after the other: their price depends on the length.
  (func (export "fill")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
      (br $again))))
