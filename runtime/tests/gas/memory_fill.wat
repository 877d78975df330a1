;; Filling 0, 1, 8 and 65,536 bytes: started words count.
(module
  (memory (export "memory") 1)
  (func (export "run")
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 0))
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 1))
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 8))
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536))))
