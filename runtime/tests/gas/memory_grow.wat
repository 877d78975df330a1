;; Growing by one page twice, and by more than there can be: every page asked for is paid.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (drop (memory.grow (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (drop (memory.grow (i32.const 100)))
    (drop (memory.size))))
